/** Where the planes and the MIP go: one large, at its right two small ones and the MIP. */
import { PLANES, type Plane } from "./geometry";
import type { Rectangle, Tile } from "./scene";

export interface Layout {
  tiles: Tile[];
  mip: Rectangle;
}

const GAP = 3;

/**
 * @param large the plane that gets the left half at full height; null shares the space in four.
 * @param only the plane that gets all of the space, the others and the MIP are hidden.
 */
export function arrange(
  width: number,
  height: number,
  large: Plane | null,
  only: Plane | null = null,
): Layout {
  const none = { left: 0, top: 0, width: 0, height: 0 };
  if (only) return { tiles: [{ plane: only, left: 0, top: 0, width, height }], mip: none };
  const half = (total: number) => Math.floor((total - GAP) / 2);
  if (!large) {
    const [w, h] = [half(width), half(height)];
    const [x, y] = [w + GAP, h + GAP];
    const size = { width: w, height: h };
    return {
      tiles: [
        { plane: "axial", left: 0, top: 0, ...size },
        { plane: "coronal", left: x, top: 0, ...size },
        { plane: "sagittal", left: x, top: y, ...size },
      ],
      mip: { left: 0, top: y, ...size },
    };
  }
  const [second, third] = PLANES.filter((plane) => plane !== large);
  const w = Math.floor((width - GAP) * 0.54);
  const rest = width - w - GAP;
  const h = half(height);
  const quarter = half(rest);
  return {
    tiles: [
      { plane: large, left: 0, top: 0, width: w, height },
      { plane: second, left: w + GAP, top: 0, width: rest, height: h },
      { plane: third, left: w + GAP, top: h + GAP, width: quarter, height: height - h - GAP },
    ],
    mip: {
      left: w + GAP + quarter + GAP,
      top: h + GAP,
      width: rest - quarter - GAP,
      height: height - h - GAP,
    },
  };
}
