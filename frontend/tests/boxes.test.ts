import { describe, expect, it } from "vitest";

import { differingBox, displayBox, fromBase64, inflate, patch, turned } from "../src/boxes";
import { Geometry } from "../src/geometry";
import type { Voxel } from "../src/types";

const shape: Voxel = [5, 4, 3];
const size = 60;

function geometry(direction: number[]): Geometry {
  return new Geometry({ shape: [5, 4, 3], spacing: [1, 2, 3], origin: [0, 0, 0], direction });
}

describe("patch", () => {
  it("writes the box and nothing else", () => {
    const whole = new Uint8Array(size).fill(9);
    const box = { start: [1, 2, 0] as Voxel, stop: [4, 4, 2] as Voxel };
    patch(whole, shape, box, Uint8Array.from({ length: 12 }, (_, i) => 100 + i));
    let next = 100;
    for (let z = 0; z < 3; z++)
      for (let y = 0; y < 4; y++)
        for (let x = 0; x < 5; x++) {
          const inside = x >= 1 && x < 4 && y >= 2 && z < 2;
          expect(whole[x + 5 * (y + 4 * z)]).toBe(inside ? next++ : 9);
        }
  });

  it("refuses a box that does not fit", () => {
    const whole = new Uint8Array(size);
    const box = { start: [3, 0, 0] as Voxel, stop: [6, 1, 1] as Voxel };
    expect(() => patch(whole, shape, box, new Uint8Array(3))).toThrow(/leaves the grid/);
    expect(() => patch(whole, shape, { ...box, stop: [5, 1, 1] }, new Uint8Array(3))).toThrow(/values/);
  });
});

describe("turned", () => {
  const whole = Uint8Array.from({ length: size }, (_, i) => i);
  const directions = {
    straight: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    flipped: [-1, 0, 0, 0, 1, 0, 0, 0, -1],
    permuted: [0, 0, 1, 1, 0, 0, 0, -1, 0],
    oblique: [0.96, -0.28, 0, 0.28, 0.96, 0, 0, 0, -1],
  };
  for (const [name, direction] of Object.entries(directions))
    it(`puts every voxel of a box where it is shown: ${name}`, () => {
      const g = geometry(direction);
      const box = { start: [1, 0, 1] as Voxel, stop: [4, 3, 3] as Voxel };
      const shown = displayBox(g, box);
      const out = turned(whole, g, box);
      let next = 0;
      for (let k = shown.start[2]; k < shown.stop[2]; k++)
        for (let j = shown.start[1]; j < shown.stop[1]; j++)
          for (let i = shown.start[0]; i < shown.stop[0]; i++)
            expect(out[next++]).toBe(whole[g.offset(g.toArray([i, j, k]))]);
      expect(next).toBe(out.length);
    });
});

it("finds the smallest box of differences", () => {
  const a = new Uint8Array(size);
  const b = a.slice();
  expect(differingBox(a, b, shape)).toBeNull();
  b[1 + 5 * (3 + 4 * 2)] = 1;
  b[4 + 5 * (2 + 4 * 1)] = 1;
  expect(differingBox(a, b, shape)).toEqual({ start: [1, 2, 1], stop: [5, 4, 3] });
});

it("unpacks what Python's zlib packed", async () => {
  const text = "eJxjYGThFJBUMXQITKmcsPLIQ1Y1z7yp+15Ke1WveywfMfmCSOiMu5pFe/kZBkgdALe2Phk=";
  const once = Array.from({ length: 40 }, (_, i) => (i * i) % 251);
  expect(Array.from(await inflate(fromBase64(text)))).toEqual([...once, ...once, ...once, ...once]);
});
