/** What lies over the picture: crosshair, letters, strokes, marks of where to look. */
import { SCRIBBLES, css } from "./colours";
import { LETTERS, THROUGH, type Geometry } from "./geometry";
import type { Scene, Tile } from "./scene";
import type { Label, Place, Voxel } from "./types";

export interface Drawn {
  strokes: readonly { label: Label; points: readonly Voxel[]; pending: boolean }[];
  place: Place | null;
  /** The picture is dark on white: letters are dark as well. */
  bright: boolean;
}

export class Overlay {
  private readonly context: CanvasRenderingContext2D;

  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly scene: Scene,
    private readonly geometry: Geometry,
  ) {
    this.context = canvas.getContext("2d")!;
  }

  draw(drawn: Drawn): void {
    const { canvas, context } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const crosshair: Record<string, number[]> = {};
    for (const tile of this.scene.tiles()) {
      const [x, y] = this.pixel(tile, this.scene.crosshair);
      crosshair[tile.plane] = [tile.left + x, tile.top + y];
      context.save();
      context.beginPath();
      context.rect(tile.left, tile.top, tile.width, tile.height);
      context.clip();
      context.translate(tile.left, tile.top);
      this.strokes(tile, drawn);
      this.crosshair(tile);
      if (drawn.place) this.place(tile, drawn.place);
      this.letters(tile, drawn.bright);
      context.restore();
    }
    // For tests, and for whoever drives the page by a program.
    canvas.dataset.crosshair = JSON.stringify(crosshair);
  }

  private pixel(tile: Tile, voxel: Voxel): [number, number] {
    return this.scene.pixelAt(tile, this.geometry.toDisplay(voxel));
  }

  /** CSS pixels per voxel across and down. */
  private scale(tile: Tile): [number, number] {
    const [a, b] = [this.scene.pixelAt(tile, [0, 0, 0]), this.scene.pixelAt(tile, [1, 1, 1])];
    return [Math.abs(b[0] - a[0]), Math.abs(b[1] - a[1])];
  }

  private strokes(tile: Tile, drawn: Drawn): void {
    const { context } = this;
    const axis = this.geometry.perm[THROUGH[tile.plane]];
    const slice = this.scene.crosshair[axis];
    const [w, h] = this.scale(tile);
    const radius = Math.max(1.6, Math.min(w, h) * 0.32);
    for (const { label, points, pending } of drawn.strokes) {
      context.fillStyle = css(SCRIBBLES[label], pending ? 0.65 : 1);
      context.strokeStyle = "rgb(255 255 255 / .85)";
      context.lineWidth = 0.75;
      context.beginPath();
      for (const point of points) {
        if (point[axis] !== slice) continue;
        const [x, y] = this.pixel(tile, point);
        if (label === "foreground") {
          context.moveTo(x + radius, y);
          context.arc(x, y, radius, 0, 2 * Math.PI);
        } else {
          const r = radius * 1.2;
          context.moveTo(x, y - r);
          context.lineTo(x + r, y);
          context.lineTo(x, y + r);
          context.lineTo(x - r, y);
          context.closePath();
        }
      }
      context.fill();
      if (radius > 2.4) context.stroke();
    }
  }

  private crosshair(tile: Tile): void {
    const { context } = this;
    const [x, y] = this.pixel(tile, this.scene.crosshair).map((v) => Math.round(v) + 0.5);
    const gap = 11;
    const lines = () => {
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(x - gap, y);
      context.moveTo(x + gap, y);
      context.lineTo(tile.width, y);
      context.moveTo(x, 0);
      context.lineTo(x, y - gap);
      context.moveTo(x, y + gap);
      context.lineTo(x, tile.height);
      context.stroke();
    };
    // Two tones: one of them shows on white as on black.
    context.lineWidth = 2.5;
    context.strokeStyle = "rgb(0 0 0 / .28)";
    lines();
    context.lineWidth = 1;
    context.strokeStyle = "rgb(86 196 228 / .9)";
    lines();
  }

  private place(tile: Tile, place: Place): void {
    const axis = this.geometry.perm[THROUGH[tile.plane]];
    if (place.at[axis] !== this.scene.crosshair[axis]) return;
    const { context } = this;
    const [x, y] = this.pixel(tile, place.at);
    for (const [width, colour] of [
      [4, "rgb(0 0 0 / .5)"],
      [2, place.kind === "missed" ? "rgb(255 214 64)" : "rgb(255 140 190)"],
    ] as const) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.setLineDash([5, 4]);
      context.beginPath();
      context.arc(x, y, 17, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
  }

  private letters(tile: Tile, bright: boolean): void {
    const { context } = this;
    const [left, right, top, bottom] = LETTERS[tile.plane];
    const [ink, halo] = bright
      ? ["#17222c", "rgb(255 255 255 / .8)"]
      : ["#eef4f8", "rgb(0 0 0 / .72)"];
    const text = (words: string, x: number, y: number, align: CanvasTextAlign) => {
      context.textAlign = align;
      context.strokeStyle = halo;
      context.strokeText(words, x, y);
      context.fillStyle = ink;
      context.fillText(words, x, y);
    };
    context.lineWidth = 3;
    context.lineJoin = "round";
    context.textBaseline = "middle";
    context.font = "600 13px system-ui, sans-serif";
    text(left, 7, tile.height / 2, "left");
    text(right, tile.width - 7, tile.height / 2, "right");
    text(top, tile.width / 2, 12, "center");
    text(bottom, tile.width / 2, tile.height - 11, "center");
    if (tile.width < 150) return;
    const axis = this.geometry.perm[THROUGH[tile.plane]];
    const name = tile.plane[0].toUpperCase() + tile.plane.slice(1);
    const slice = this.geometry.toDisplay(this.scene.crosshair)[THROUGH[tile.plane]] + 1;
    context.font = "11px system-ui, sans-serif";
    text(`${name} ${slice}/${this.geometry.shape[axis]}`, 6, 11, "left");
  }
}
