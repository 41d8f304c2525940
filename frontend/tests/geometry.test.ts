import { describe, expect, it } from "vitest";

import { Geometry, sides } from "../src/geometry";
import type { Voxel } from "../src/types";

const make = (direction: number[] | number[][]) =>
  new Geometry({ shape: [6, 5, 4], spacing: [2, 3, 4], origin: [10, -20, 30], direction });

describe("Geometry", () => {
  it("says LPS millimetres", () => {
    const g = make([0, 0, 1, 1, 0, 0, 0, 1, 0]);
    expect(g.millimetres([1, 2, 3])).toEqual([10 + 12, -20 + 2, 30 + 6]);
    expect(make([[1, 0, 0], [0, 1, 0], [0, 0, 1]]).millimetres([1, 1, 1])).toEqual([12, -17, 34]);
  });

  const turn = (degrees: number) => {
    const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    return [c, -s, 0, s, c, 0, 0, 0, 1];
  };
  for (const direction of [
    [1, 0, 0, 0, 1, 0, 0, 0, 1],
    [-1, 0, 0, 0, 1, 0, 0, 0, -1],
    [0, 0, 1, 1, 0, 0, 0, -1, 0],
    turn(20),
    turn(-30),
  ])
    it(`goes to the display axes and back: ${direction.map((v) => v.toFixed(1))}`, () => {
      const g = make(direction);
      for (const voxel of [[0, 0, 0], [5, 4, 3], [1, 3, 2]] as Voxel[])
        expect(g.toArray(g.toDisplay(voxel))).toEqual(voxel);
      // One step along a display axis goes to the patient's right, front or head.
      for (let axis = 0; axis < 3; axis++) {
        const step = [0, 0, 0];
        step[axis] = 1;
        const from = g.millimetres(g.toArray([0, 0, 0]));
        const to = g.millimetres(g.toArray(step as unknown as Voxel));
        const ras = to.map((v, i) => (i < 2 ? from[i] - v : v - from[i]));
        expect(ras.indexOf(Math.max(...ras))).toBe(axis);
      }
    });

  it("measures how oblique a grid is", () => {
    expect(make(turn(20)).tilt()).toBeCloseTo(20, 6);
    expect(make([1, 0, 0, 0, 1, 0, 0, 0, 1]).tilt()).toBe(0);
  });
});

describe("sides of a projection", () => {
  it("are the patient's as seen from there", () => {
    expect(sides(0)).toEqual(["R", "L"]);
    expect(sides(90)).toEqual(["A", "P"]);
    expect(sides(180)).toEqual(["L", "R"]);
    expect(sides(270)).toEqual(["P", "A"]);
    expect(sides(10)).toEqual(["R", "L"]);
    expect(sides(30)).toEqual(["RA", "LP"]);
    expect(sides(70)).toEqual(["AR", "PL"]);
  });
});
