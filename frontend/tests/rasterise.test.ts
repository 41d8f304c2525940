import { describe, expect, it } from "vitest";

import { crossed, discAround, inside, rasterise, type Point } from "../src/rasterise";

const grid = { size: [20, 30] as const, spacing: [2, 3] as const };

describe("crossed", () => {
  it("goes straight along an axis", () => {
    expect(crossed([2, 3], [5, 3])).toEqual([[2, 3], [3, 3], [4, 3], [5, 3]]);
    expect(crossed([2, 3], [2, 1])).toEqual([[2, 3], [2, 2], [2, 1]]);
  });

  it("stays in one voxel", () => {
    expect(crossed([2.4, 2.6], [1.6, 3.4])).toEqual([[2, 3]]);
  });

  it("crosses what dense sampling finds, in steps over faces", () => {
    let seed = 7;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    for (let turn = 0; turn < 200; turn++) {
      const [a, b]: Point[] = [[random() * 19, random() * 29], [random() * 19, random() * 29]];
      const dense = new Set<string>();
      for (let i = 0; i <= 20000; i++) {
        const t = i / 20000;
        dense.add(`${Math.round(a[0] + t * (b[0] - a[0]))},${Math.round(a[1] + t * (b[1] - a[1]))}`);
      }
      const found = crossed(a, b);
      const names = found.map((p) => p.join());
      for (const name of dense) expect(names).toContain(name);
      // A line that grazes a corner may have a voxel more than the samples hit, no others.
      expect(names.length - dense.size).toBeLessThanOrEqual(1);
      for (let i = 1; i < found.length; i++)
        expect(Math.abs(found[i][0] - found[i - 1][0]) + Math.abs(found[i][1] - found[i - 1][1])).toBe(1);
    }
  });
});

describe("rasterise", () => {
  it("makes a click one voxel", () => expect(rasterise([[4.3, 5.6]], 0, grid)).toEqual([[4, 6]]));

  it("holds each voxel once, in the order of drawing", () => {
    const path: Point[] = [[1, 1], [3, 1], [1, 1]];
    expect(rasterise(path, 0, grid)).toEqual([[1, 1], [2, 1], [3, 1]]);
  });

  it("leaves out what lies outside the plane", () => {
    expect(rasterise([[-3, 2], [1, 2]], 0, grid)).toEqual([[0, 2], [1, 2]]);
    expect(rasterise([[25, 40]], 0, grid)).toEqual([]);
  });

  it("takes a thick pen in mm, not in voxels", () => {
    const voxels = rasterise([[10, 10]], 12, grid);
    const within = [];
    for (let u = 0; u < 20; u++)
      for (let v = 0; v < 30; v++)
        if (Math.hypot((u - 10) * 2, (v - 10) * 3) <= 6) within.push(`${u},${v}`);
    expect(voxels.map((p) => p.join()).sort()).toEqual(within.sort());
    expect(voxels[0]).toEqual([10, 10]);
  });
});

it("knows a disc thinner than a voxel", () => expect(discAround(0.9, [2, 3])).toEqual([]));

describe("inside", () => {
  const grid = { size: [40, 30], spacing: [2, 3] } as const;
  const sorted = (points: readonly Point[]) => points.map(([u, v]) => `${u},${v}`).sort();

  it("is what the crossing number of each centre says", () => {
    // A shape with a bay; no corner on a voxel centre.
    const path: Point[] = [[3.3, 2.2], [30.7, 4.1], [28.2, 22.6], [18.4, 8.3], [6.1, 25.4]];
    const expected: Point[] = [];
    for (let v = 0; v < 30; v++)
      for (let u = 0; u < 40; u++) {
        let odd = false;
        path.forEach(([u0, v0], i) => {
          const [u1, v1] = path[(i + 1) % path.length];
          if (v0 > v !== v1 > v && u < u0 + ((v - v0) * (u1 - u0)) / (v1 - v0)) odd = !odd;
        });
        if (odd) expected.push([u, v]);
      }
    expect(expected.length).toBeGreaterThan(100);
    expect(sorted(inside(path, grid))).toEqual(sorted(expected));
  });

  it("has no hole where the loop goes round twice, nor outside the plane", () => {
    const loop: Point[] = [[-5.5, -4.5], [10.5, -4.5], [10.5, 8.5], [-5.5, 8.5]];
    const once = inside(loop, grid);
    expect(once.length).toBe(11 * 9);
    expect(sorted(inside([...loop, ...loop], grid))).toEqual(sorted(once));
    expect(sorted(inside([...loop].reverse(), grid))).toEqual(sorted(once));
  });

  it("is empty for a point and for a line", () => {
    expect(inside([[3, 3]], grid)).toEqual([]);
    expect(inside([[3.2, 3.2], [9.1, 7.4]], grid)).toEqual([]);
  });
});
