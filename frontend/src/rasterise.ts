/**
 * From the path of the mouse to voxels.
 *
 * The mouse is sampled; between two samples the stroke is a straight line, and every voxel that
 * the line crosses is in it, so that a quick hand leaves no gaps. A thick pen adds the voxels
 * whose centre is at most half the thickness (in mm) away from the path.
 */

/** A position in a plane in voxel units: the centre of the first voxel is (0, 0). */
export type Point = readonly [number, number];

export interface PlaneGrid {
  size: readonly [number, number];
  /** mm */
  spacing: readonly [number, number];
}

/** Voxels of a path in the order of drawing, each once, those outside the plane left out. */
export function rasterise(path: readonly Point[], thicknessMm: number, grid: PlaneGrid): Point[] {
  const seen = new Set<number>();
  const voxels: Point[] = [];
  const add = (u: number, v: number) => {
    if (u < 0 || v < 0 || u >= grid.size[0] || v >= grid.size[1]) return;
    const key = u + v * grid.size[0];
    if (seen.has(key)) return;
    seen.add(key);
    voxels.push([u, v]);
  };
  const disc = discAround(thicknessMm / 2, grid.spacing);
  const stamp = (u: number, v: number) => {
    add(u, v);
    for (const [du, dv] of disc) add(u + du, v + dv);
  };
  if (path.length === 1) stamp(Math.round(path[0][0]), Math.round(path[0][1]));
  for (let i = 1; i < path.length; i++)
    for (const [u, v] of crossed(path[i - 1], path[i])) stamp(u, v);
  return voxels;
}

/**
 * Voxels whose centre is inside a closed path; the last position is joined with the first.
 *
 * A place that the path goes round once or more in either sense is inside (non-zero winding), so a
 * hand that closes its loop twice leaves no hole.
 */
export function inside(path: readonly Point[], grid: PlaneGrid): Point[] {
  const rows = path.map(([, v]) => v);
  const first = Math.max(0, Math.ceil(Math.min(...rows)));
  const last = Math.min(grid.size[1] - 1, Math.floor(Math.max(...rows)));
  const found: Point[] = [];
  for (let v = first; v <= last; v++) {
    const crossings = path.flatMap(([u0, v0], i) => {
      const [u1, v1] = path[(i + 1) % path.length];
      // Half open: a corner on the row counts once.
      if (v0 <= v === v1 <= v) return [];
      return [{ u: u0 + ((v - v0) / (v1 - v0)) * (u1 - u0), turn: v1 > v0 ? 1 : -1 }];
    });
    crossings.sort((a, b) => a.u - b.u);
    let winding = 0;
    crossings.forEach(({ u, turn }, i) => {
      winding += turn;
      const end = crossings[i + 1]?.u;
      if (!winding || end === undefined) return;
      const stop = Math.min(grid.size[0] - 1, Math.floor(end));
      for (let at = Math.max(0, Math.ceil(u)); at <= stop; at++) found.push([at, v]);
    });
  }
  return found;
}

/** The voxels that a straight line crosses, in order (Amanatides and Woo 1987, in two axes). */
export function crossed(from: Point, to: Point): Point[] {
  let [u, v] = [Math.round(from[0]), Math.round(from[1])];
  const [endU, endV] = [Math.round(to[0]), Math.round(to[1])];
  const [du, dv] = [to[0] - from[0], to[1] - from[1]];
  const [stepU, stepV] = [Math.sign(du), Math.sign(dv)];
  const edge = (index: number, step: number, start: number, delta: number) =>
    delta === 0 ? Infinity : (index + step / 2 - start) / delta;
  let nextU = edge(u, stepU, from[0], du);
  let nextV = edge(v, stepV, from[1], dv);
  const voxels: Point[] = [[u, v]];
  let left = Math.abs(endU - u) + Math.abs(endV - v);
  while (left-- > 0) {
    // The last step goes the way that is left, whatever rounding says at a corner.
    if (v === endV || (u !== endU && nextU < nextV)) {
      u += stepU;
      nextU += Math.abs(1 / du);
    } else {
      v += stepV;
      nextV += Math.abs(1 / dv);
    }
    voxels.push([u, v]);
  }
  return voxels;
}

/** Offsets of the voxels whose centre is within a radius. */
export function discAround(radiusMm: number, spacing: readonly [number, number]): Point[] {
  const reach = spacing.map((s) => Math.floor(radiusMm / s));
  const offsets: Point[] = [];
  for (let v = -reach[1]; v <= reach[1]; v++)
    for (let u = -reach[0]; u <= reach[0]; u++)
      if ((u || v) && Math.hypot(u * spacing[0], v * spacing[1]) <= radiusMm) offsets.push([u, v]);
  return offsets;
}
