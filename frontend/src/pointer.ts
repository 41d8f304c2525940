/** The mouse on the picture: point, draw, scroll, pan. */
import { THROUGH, type Geometry } from "./geometry";
import { inside, rasterise, type PlaneGrid, type Point } from "./rasterise";
import type { Scene, Tile } from "./scene";
import type { Label, Voxel } from "./types";

/** With an outline all voxels inside the closed path are taken. */
export type Tool = "point" | Label | "outline";

export interface PointerPort {
  tool(): Tool;
  thicknessMm(): number;
  goTo(voxel: Voxel): void;
  /** The stroke as far as it is drawn; null when it is dropped. */
  drawing(stroke: { label: Label; points: Voxel[] } | null): void;
  drawn(stroke: { label: Label; points: Voxel[] }): void;
  /** The voxel under the mouse. */
  over(voxel: Voxel | null, tile: Tile | null): void;
}

type Act =
  | { kind: "point"; tile: Tile }
  | { kind: "pan"; tile: Tile; x: number; y: number }
  | { kind: "draw"; tile: Tile; label: Label; closed: boolean; path: [number, number, number][] };

export class Pointer {
  private act: Act | null = null;
  private wheel = 0;
  /** The tile under the mouse: keys act there. */
  tile: Tile | null = null;

  constructor(
    private readonly element: HTMLElement,
    private readonly scene: Scene,
    private readonly geometry: Geometry,
    private readonly port: PointerPort,
  ) {
    element.addEventListener("pointerdown", (e) => this.down(e));
    element.addEventListener("pointermove", (e) => this.move(e));
    element.addEventListener("pointerup", (e) => this.up(e));
    element.addEventListener("pointercancel", () => this.drop());
    element.addEventListener("pointerleave", () => {
      if (!this.act) this.port.over(null, (this.tile = null));
    });
    element.addEventListener("contextmenu", (e) => e.preventDefault());
    element.addEventListener("wheel", (e) => this.scroll(e), { passive: false });
  }

  /** Forget what is being drawn. */
  drop(): void {
    if (this.act?.kind === "draw") this.port.drawing(null);
    this.act = null;
  }

  /** Whether a stroke is being drawn. */
  get busy(): boolean {
    return this.act?.kind === "draw";
  }

  private place(event: MouseEvent): { tile: Tile; x: number; y: number } | null {
    const box = this.element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const tile = this.scene
      .tiles()
      .find((t) => x >= t.left && y >= t.top && x < t.left + t.width && y < t.top + t.height);
    return tile ? { tile, x: x - tile.left, y: y - tile.top } : null;
  }

  private inTile(event: MouseEvent, tile: Tile): [number, number] {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left - tile.left, event.clientY - box.top - tile.top];
  }

  private voxelAt(tile: Tile, x: number, y: number): Voxel {
    const position = this.scene.positionAt(tile, x, y);
    const display = position.map((v, axis) =>
      Math.min(this.geometry.displayShape[axis] - 1, Math.max(0, Math.round(v))),
    );
    return this.geometry.toArray(display as unknown as Voxel);
  }

  private down(event: PointerEvent): void {
    const place = this.place(event);
    if (!place || this.act) return;
    event.preventDefault();
    this.element.setPointerCapture(event.pointerId);
    const { tile, x, y } = place;
    const tool = this.port.tool();
    if (event.button === 1) this.act = { kind: "pan", tile, x, y };
    else if (tool === "point" || event.shiftKey) {
      if (event.button !== 0) return;
      this.act = { kind: "point", tile };
      this.port.goTo(this.voxelAt(tile, x, y));
    } else if (event.button === 0 || event.button === 2) {
      const own: Label = tool === "background" ? "background" : "foreground";
      const other: Label = own === "foreground" ? "background" : "foreground";
      this.act = {
        kind: "draw",
        tile,
        label: event.button === 2 ? other : own,
        closed: tool === "outline",
        path: [this.scene.positionAt(tile, x, y)],
      };
      this.preview();
    }
  }

  private move(event: PointerEvent): void {
    const act = this.act;
    if (!act) {
      const place = this.place(event);
      this.tile = place?.tile ?? null;
      this.port.over(place && this.voxelAt(place.tile, place.x, place.y), this.tile);
      return;
    }
    const [x, y] = this.inTile(event, act.tile);
    if (act.kind === "pan") {
      this.scene.panBy(act.tile, x - act.x, y - act.y);
      [act.x, act.y] = [x, y];
    } else if (act.kind === "point") this.port.goTo(this.voxelAt(act.tile, x, y));
    else {
      // The browser joins quick moves into one event; the ones between are drawn as well.
      const samples = event.getCoalescedEvents?.() ?? [];
      for (const sample of samples.length ? samples : [event])
        act.path.push(this.scene.positionAt(act.tile, ...this.inTile(sample, act.tile)));
      this.preview();
    }
    this.port.over(this.voxelAt(act.tile, x, y), act.tile);
  }

  private up(event: PointerEvent): void {
    const act = this.act;
    this.act = null;
    if (this.element.hasPointerCapture(event.pointerId))
      this.element.releasePointerCapture(event.pointerId);
    if (act?.kind !== "draw") return;
    const points = this.voxels(act, act.closed);
    this.port.drawing(null);
    if (points.length) this.port.drawn({ label: act.label, points });
  }

  private preview(): void {
    if (this.act?.kind === "draw")
      this.port.drawing({ label: this.act.label, points: this.voxels(this.act, false) });
  }

  private voxels(act: Extract<Act, { kind: "draw" }>, filled: boolean): Voxel[] {
    const through = THROUGH[act.tile.plane];
    const [a, b] = [0, 1, 2].filter((axis) => axis !== through);
    const { displayShape } = this.geometry;
    const spacing = this.geometry.displaySpacing();
    const path = act.path.map((p): Point => [p[a], p[b]]);
    const grid: PlaneGrid = {
      size: [displayShape[a], displayShape[b]],
      spacing: [spacing[a], spacing[b]],
    };
    const round = rasterise(filled ? [...path, path[0]] : path, this.port.thicknessMm(), grid);
    const taken = new Set(round.map(([u, v]) => u + v * grid.size[0]));
    const within = filled
      ? inside(path, grid).filter(([u, v]) => !taken.has(u + v * grid.size[0]))
      : [];
    return [...round, ...within].map(([u, v]) => {
      const display = [0, 0, 0];
      [display[a], display[b], display[through]] = [u, v, Math.round(act.path[0][through])];
      return this.geometry.toArray(display as unknown as Voxel);
    });
  }

  private scroll(event: WheelEvent): void {
    const place = this.place(event);
    if (!place) return;
    event.preventDefault();
    if (event.ctrlKey) {
      this.scene.setZoom(this.scene.zoom * Math.exp(-event.deltaY / 300));
      return;
    }
    // A stroke stays in the slice where it began.
    if (this.busy) return;
    // Pages of a mouse wheel come in 100s or so, touch pads send many small ones.
    this.wheel += event.deltaMode ? event.deltaY * 34 : event.deltaY;
    const steps = Math.trunc(this.wheel / 50);
    if (!steps) return;
    this.wheel -= steps * 50;
    this.step(place.tile, Math.sign(steps) * Math.max(1, Math.floor(Math.abs(steps) / 2)));
  }

  /** Move through the slices: down the wheel goes to the feet, the back and the right. */
  step(tile: Tile, slices: number): void {
    const display = [...this.geometry.toDisplay(this.scene.crosshair)];
    const axis = THROUGH[tile.plane];
    const n = this.geometry.displayShape[axis];
    display[axis] = Math.min(n - 1, Math.max(0, display[axis] - slices));
    this.port.goTo(this.geometry.toArray(display as unknown as Voxel));
  }

  /** Move the crosshair by voxels of the plane, right and up as seen. */
  nudge(tile: Tile, right: number, up: number): void {
    const display = [...this.geometry.toDisplay(this.scene.crosshair)];
    const [a, b] = [0, 1, 2].filter((axis) => axis !== THROUGH[tile.plane]);
    const [x0, y0] = this.scene.pixelAt(tile, display);
    const one = [...display];
    one[a] += 1;
    one[b] += 1;
    const [x1, y1] = this.scene.pixelAt(tile, one);
    const clamp = (axis: number, v: number) =>
      Math.min(this.geometry.displayShape[axis] - 1, Math.max(0, v));
    display[a] = clamp(a, display[a] + Math.sign(x1 - x0) * right);
    display[b] = clamp(b, display[b] + Math.sign(y0 - y1) * up);
    this.port.goTo(this.geometry.toArray(display as unknown as Voxel));
  }
}
