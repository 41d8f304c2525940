/**
 * The grid of the study and its three display planes.
 *
 * The server speaks in voxels of the PET grid, in LPS millimetres. The picture is drawn along the
 * axes nearest to the patient's right-to-left, front-to-back and foot-to-head ones ("display
 * axes", numbered 0, 1, 2 for R, A, S as in NIfTI). `perm` and `flip` take one to the other.
 */
import type { StudyGeometry, Voxel } from "./types";

export type Plane = "axial" | "coronal" | "sagittal";
export const PLANES: readonly Plane[] = ["axial", "coronal", "sagittal"];

/** Display axis that stands still in the plane. */
export const THROUGH: Record<Plane, 0 | 1 | 2> = { axial: 2, coronal: 1, sagittal: 0 };

/** Letters at the left, right, upper and lower edge, in radiological convention. */
export const LETTERS: Record<Plane, readonly [string, string, string, string]> = {
  axial: ["R", "L", "A", "P"],
  coronal: ["R", "L", "H", "F"],
  sagittal: ["A", "P", "H", "F"],
};

/**
 * Letters at the left and right edge of a projection seen from `degrees`: 0 from the front, 90 from
 * the patient's left. Two letters where the edge lies between two sides, the nearer one first.
 */
export function sides(degrees: number): [string, string] {
  const turn = (degrees * Math.PI) / 180;
  // As the server projects: the picture's right is this much towards the patient's left and back.
  const towards: [number, string, string][] = [
    [Math.cos(turn), "L", "R"],
    [Math.sin(turn), "P", "A"],
  ];
  towards.sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]));
  // Below 15 degrees the smaller part is not worth a letter.
  const shown = towards.filter(([part]) => Math.abs(part) > 0.26);
  const letters = (sign: number) =>
    shown.map(([part, plus, minus]) => (part * sign > 0 ? plus : minus)).join("");
  return [letters(-1), letters(1)];
}

export class Geometry {
  readonly shape: Voxel;
  readonly spacing: readonly [number, number, number];
  readonly origin: readonly [number, number, number];
  readonly direction: number[];
  /** Array axis of each display axis. */
  readonly perm: Voxel;
  /** Whether the array axis runs against the display axis. */
  readonly flip: readonly [boolean, boolean, boolean];
  /** Voxels along the display axes. */
  readonly displayShape: Voxel;

  constructor(study: Pick<StudyGeometry, "shape" | "spacing" | "origin" | "direction">) {
    this.shape = [...study.shape];
    this.spacing = [...study.spacing];
    this.origin = [...study.origin];
    this.direction = (study.direction as (number | number[])[]).flat();
    const { perm, flip } = nearestAxes(this.direction);
    this.perm = perm;
    this.flip = flip;
    this.displayShape = [this.shape[perm[0]], this.shape[perm[1]], this.shape[perm[2]]];
  }

  /** LPS millimetres of a voxel's centre. */
  millimetres(voxel: Voxel): [number, number, number] {
    const d = this.direction;
    const scaled = voxel.map((v, axis) => v * this.spacing[axis]);
    return [0, 1, 2].map(
      (row) =>
        this.origin[row] +
        d[3 * row] * scaled[0] +
        d[3 * row + 1] * scaled[1] +
        d[3 * row + 2] * scaled[2],
    ) as [number, number, number];
  }

  toDisplay(voxel: Voxel): Voxel {
    return [0, 1, 2].map((axis) => {
      const index = voxel[this.perm[axis]];
      return this.flip[axis] ? this.displayShape[axis] - 1 - index : index;
    }) as unknown as Voxel;
  }

  toArray(display: Voxel): Voxel {
    const voxel = [0, 0, 0];
    for (let axis = 0; axis < 3; axis++)
      voxel[this.perm[axis]] = this.flip[axis]
        ? this.displayShape[axis] - 1 - display[axis]
        : display[axis];
    return voxel as unknown as Voxel;
  }

  contains(voxel: Voxel): boolean {
    return voxel.every((v, axis) => Number.isInteger(v) && v >= 0 && v < this.shape[axis]);
  }

  /** Where the voxel lies in an array that runs x fastest. */
  offset(voxel: Voxel): number {
    return voxel[0] + this.shape[0] * (voxel[1] + this.shape[1] * voxel[2]);
  }

  /** Spacing along the display axes, mm. */
  displaySpacing(): [number, number, number] {
    return [0, 1, 2].map((axis) => this.spacing[this.perm[axis]]) as [number, number, number];
  }

  /** Largest angle between a voxel axis and the patient axis it stands for, degrees. */
  tilt(): number {
    const worst = Math.min(
      ...this.perm.map((column, axis) => Math.abs(this.direction[3 * axis + column])),
    );
    return (Math.acos(Math.min(1, worst)) * 180) / Math.PI;
  }
}

/**
 * The array axis nearest to each display axis (R, A, S).
 *
 * The same choice as NiiVue's, which takes the axes in order; the two must not disagree, and the
 * module that holds NiiVue checks that they do not.
 */
export function nearestAxes(direction: readonly number[]): {
  perm: Voxel;
  flip: readonly [boolean, boolean, boolean];
} {
  // NIfTI's x and y run against LPS.
  const entry = (row: number, column: number) => (row < 2 ? -1 : 1) * direction[3 * row + column];
  const size = (row: number, column: number) => Math.abs(entry(row, column));
  // Columns in order: each takes the patient row that it follows most among those left.
  const rowOf = [0, 0, 0];
  rowOf[0] = 0;
  if (size(1, 0) > size(0, 0)) rowOf[0] = 1;
  if (size(2, 0) > size(0, 0) && size(2, 0) > size(1, 0)) rowOf[0] = 2;
  const rest = [0, 1, 2].filter((row) => row !== rowOf[0]);
  rowOf[1] = size(rest[0], 1) > size(rest[1], 1) ? rest[0] : rest[1];
  rowOf[2] = 3 - rowOf[0] - rowOf[1];
  const perm = [0, 0, 0];
  rowOf.forEach((row, column) => (perm[row] = column));
  const flip = perm.map((column, row) => entry(row, column) < 0);
  return {
    perm: perm as unknown as Voxel,
    flip: flip as unknown as readonly [boolean, boolean, boolean],
  };
}
