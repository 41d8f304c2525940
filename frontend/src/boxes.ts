/** Boxes of voxels: unpack what the server sends, put it into the mask, turn it for display. */
import type { Geometry } from "./geometry";
import type { Box, Voxel } from "./types";

export function boxSize(box: Box): Voxel {
  return [0, 1, 2].map((axis) => box.stop[axis] - box.start[axis]) as unknown as Voxel;
}

/** Write the values of a box (x fastest) into an array of the whole grid (x fastest). */
export function patch(whole: Uint8Array, shape: Voxel, box: Box, values: Uint8Array): void {
  const size = boxSize(box);
  if (size.some((n, axis) => n < 0 || box.start[axis] < 0 || box.stop[axis] > shape[axis]))
    throw new Error(`the box ${box.start} to ${box.stop} leaves the grid of ${shape}`);
  if (values.length !== size[0] * size[1] * size[2])
    throw new Error(`${values.length} values for a box of ${size.join(" x ")}`);
  let from = 0;
  for (let z = box.start[2]; z < box.stop[2]; z++)
    for (let y = box.start[1]; y < box.stop[1]; y++) {
      whole.set(
        values.subarray(from, from + size[0]),
        box.start[0] + shape[0] * (y + shape[1] * z),
      );
      from += size[0];
    }
}

/** The same box along the display axes. */
export function displayBox(geometry: Geometry, box: Box): Box {
  const start = [0, 0, 0];
  const stop = [0, 0, 0];
  for (let axis = 0; axis < 3; axis++) {
    const n = geometry.displayShape[axis];
    const [a, b] = [box.start[geometry.perm[axis]], box.stop[geometry.perm[axis]]];
    [start[axis], stop[axis]] = geometry.flip[axis] ? [n - b, n - a] : [a, b];
  }
  return { start: start as unknown as Voxel, stop: stop as unknown as Voxel };
}

/** The values of a box of the whole array, x of the display axes fastest. */
export function turned(whole: Uint8Array, geometry: Geometry, box: Box): Uint8Array {
  const shown = displayBox(geometry, box);
  const size = boxSize(shown);
  const stride = [1, geometry.shape[0], geometry.shape[0] * geometry.shape[1]];
  // One step along a display axis is this many places in the array.
  const step = [0, 1, 2].map(
    (axis) => (geometry.flip[axis] ? -1 : 1) * stride[geometry.perm[axis]],
  );
  const first = geometry.offset(geometry.toArray(shown.start));
  const out = new Uint8Array(size[0] * size[1] * size[2]);
  let to = 0;
  for (let k = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++) {
      let from = first + k * step[2] + j * step[1];
      for (let i = 0; i < size[0]; i++) {
        out[to++] = whole[from];
        from += step[0];
      }
    }
  return out;
}

/** The smallest box in which two arrays differ, or null when they do not. */
export function differingBox(a: Uint8Array, b: Uint8Array, shape: Voxel): Box | null {
  const start = [...shape] as [number, number, number];
  const stop: [number, number, number] = [0, 0, 0];
  let at = 0;
  for (let z = 0; z < shape[2]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0; x < shape[0]; x++, at++)
        if (a[at] !== b[at]) {
          if (x < start[0]) start[0] = x;
          if (y < start[1]) start[1] = y;
          if (z < start[2]) start[2] = z;
          if (x >= stop[0]) stop[0] = x + 1;
          if (y >= stop[1]) stop[1] = y + 1;
          if (z >= stop[2]) stop[2] = z + 1;
        }
  return stop[2] === 0 ? null : { start, stop };
}

/** Undo zlib, with what the browser has. */
export async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}
