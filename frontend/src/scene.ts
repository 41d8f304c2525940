/**
 * The picture: PET and CT fused with the mask, in three planes on one WebGL canvas.
 *
 * The only module that touches NiiVue. Voxels go in and out in array order; NiiVue's own mouse and
 * keys are off, text and crosshair are drawn by `overlay.ts`. One canvas holds all planes, so the
 * volumes are on the graphics card once.
 */
import { NVImage, Niivue, SLICE_TYPE } from "@niivue/niivue";

import { displayBox, boxSize, turned } from "./boxes";
import { labelTable } from "./colours";
import { THROUGH, type Geometry, type Plane } from "./geometry";
import { SLICE_SHADER } from "./shader";
import type { Box, Voxel } from "./types";
import { COLOUR_MAPS, type PetMap } from "./windows";

export interface Rectangle {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A plane on the canvas, in CSS pixels. */
export interface Tile extends Rectangle {
  plane: Plane;
}

interface ScreenSlice {
  leftTopWidthHeight: number[];
  axCorSag: number;
}

const TYPES: Record<Plane, SLICE_TYPE> = {
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
};
const PLANE_OF: readonly Plane[] = ["axial", "coronal", "sagittal"];

/** Opacity of a lesion's rim and of its inside: the uptake below must stay legible. */
const RIM = 0.95;
const FILL = 0.22;

/** What of NiiVue's inside we use beside its documented face. */
interface Inside {
  gl: WebGL2RenderingContext;
  drawTexture: WebGLTexture | null;
  drawRimOpacity: number;
  overlayAlphaShader: number;
  drawLut: { lut: Uint8ClampedArray; labels: string[] };
  screenSlices: ScreenSlice[];
  uiData: { dpr?: number };
  r8Tex(id: WebGLTexture | null, unit: number, dims: number[], init: boolean): WebGLTexture;
  refreshLayers(volume: NVImage, layer: number): void;
  updateGLVolume(): void;
  gradientTexture: WebGLTexture | null;
  refreshColormaps(): void;
  setCustomSliceShader(text: string): void;
  screenXY2TextureFrac(x: number, y: number, tile: number, restrict: boolean): Float32Array;
}

export class Scene {
  private readonly niivue: Niivue;
  private ct: NVImage | null = null;
  private pet!: NVImage;
  private waiting = false;
  private readonly window = { pet: [0, 10], ct: [-160, 240] };
  private dirty = new Set<"pet" | "ct">();
  private fusionPart = 0.6;
  private zoomFactor = 1;
  private pan: [number, number, number] = [0, 0, 0];
  private at: Voxel;
  /** Called after each drawing, so that overlays follow. */
  drawn: () => void = () => undefined;

  private constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly geometry: Geometry,
  ) {
    this.at = geometry.shape.map((n) => n >> 1) as unknown as Voxel;
    this.niivue = new Niivue({
      interactive: false,
      dragAndDropEnabled: false,
      isRadiologicalConvention: true,
      // From the patient's left side: the front of the body on the viewer's left.
      sagittalNoseLeft: true,
      isOrientationTextVisible: false,
      isOrientCube: false,
      isColorbar: false,
      crosshairWidth: 0,
      show3Dcrosshair: false,
      isSliceMM: false,
      loadingText: "",
      logLevel: "error",
      backColor: [0, 0, 0, 1],
    });
  }

  private get inside(): Inside {
    return this.niivue as unknown as Inside;
  }

  /** Make the picture of volumes given as NIfTI bytes. */
  static async open(
    canvas: HTMLCanvasElement,
    geometry: Geometry,
    pet: ArrayBuffer,
    ct: ArrayBuffer | null,
  ): Promise<Scene> {
    const scene = new Scene(canvas, geometry);
    await scene.niivue.attachToCanvas(canvas, false);
    const inside = scene.inside;
    inside.setCustomSliceShader(SLICE_SHADER);
    for (const [name, map] of Object.entries(COLOUR_MAPS)) {
      const { R, G, B, A, I } = map;
      scene.niivue.addColormap(`pet-${name}`, { R, G, B, A, I });
    }
    if (ct) {
      scene.ct = await read("ct.nii", ct, geometry);
      scene.ct.colormap = "gray";
    }
    scene.pet = await read("pet.nii", pet, geometry);
    scene.pet.colormap = "pet-grey";
    // Each added volume draws all anew: the first ones wait for the last.
    const update = inside.updateGLVolume.bind(inside);
    inside.updateGLVolume = () => undefined;
    for (const volume of [scene.ct, scene.pet]) if (volume) scene.niivue.addVolume(volume);
    inside.updateGLVolume = update;
    inside.drawTexture = inside.r8Tex(
      inside.drawTexture,
      inside.gl.TEXTURE7,
      [3, ...geometry.displayShape],
      true,
    );
    inside.drawRimOpacity = RIM;
    scene.niivue.drawOpacity = FILL;
    for (const which of ["ct", "pet"] as const) if (scene[which]) scene.dirty.add(which);
    scene.setFusion(scene.fusionPart);
    scene.select(null);
    return scene;
  }

  get hasCt(): boolean {
    return this.ct !== null;
  }

  /** Largest PET value. */
  get petMaximum(): number {
    return this.pet.global_max ?? 1;
  }

  petAt(voxel: Voxel): number {
    return valueAt(this.pet, this.geometry.offset(voxel));
  }

  ctAt(voxel: Voxel): number | null {
    return this.ct && valueAt(this.ct, this.geometry.offset(voxel));
  }

  /** Where each plane goes, in CSS pixels of the canvas. */
  place(tiles: readonly Tile[]): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.niivue.setCustomLayout(
      tiles.map((tile) => ({
        sliceType: TYPES[tile.plane],
        position: [
          tile.left / width,
          tile.top / height,
          tile.width / width,
          tile.height / height,
        ] as [number, number, number, number],
      })),
    );
    this.draw();
  }

  setPetWindow(low: number, high: number): void {
    this.window.pet = [low, high];
    this.refresh("pet");
  }

  setCtWindow(low: number, high: number): void {
    if (!this.ct) return;
    this.window.ct = [low, high];
    this.refresh("ct");
  }

  setPetMap(map: PetMap): void {
    this.pet.colormap = `pet-${map}`;
    this.refresh("pet");
  }

  /** 0 shows CT alone, 1 PET alone. Costs no upload: it is one number of the shader. */
  setFusion(part: number): void {
    this.fusionPart = part;
    this.inside.overlayAlphaShader = this.ct ? part : 0;
    this.draw();
  }

  /** What is around the picture: white beside inverted grey, which shows air white. */
  setPaper(white: boolean): void {
    const paper = white ? 1 : 0;
    if (this.niivue.opts.backColor[0] === paper) return;
    this.niivue.opts.backColor = [paper, paper, paper, 1];
    this.draw();
  }

  setMaskShown(shown: boolean): void {
    this.inside.drawRimOpacity = shown ? RIM : 0;
    this.niivue.drawOpacity = shown ? FILL : 0;
    this.draw();
  }

  select(lesion: number | null): void {
    this.inside.drawLut = { lut: labelTable(lesion), labels: [] };
    if (!this.dirty.size) this.inside.refreshColormaps();
    this.draw();
  }

  /** Copy a box of the mask (array order, x fastest) to the graphics card. */
  showMask(whole: Uint8Array, box: Box): void {
    const shown = displayBox(this.geometry, box);
    const size = boxSize(shown);
    if (size.some((n) => n < 1)) return;
    const { gl, drawTexture } = this.inside;
    gl.activeTexture(gl.TEXTURE7);
    gl.bindTexture(gl.TEXTURE_3D, drawTexture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texSubImage3D(
      gl.TEXTURE_3D,
      0,
      ...shown.start,
      ...size,
      gl.RED,
      gl.UNSIGNED_BYTE,
      turned(whole, this.geometry, box),
    );
    this.draw();
  }

  get crosshair(): Voxel {
    return this.at;
  }

  goTo(voxel: Voxel): void {
    this.at = voxel;
    const display = this.geometry.toDisplay(voxel);
    const n = this.geometry.displayShape;
    this.niivue.scene.crosshairPos = display.map(
      (v, axis) => (v + 0.5) / n[axis],
    ) as unknown as typeof this.niivue.scene.crosshairPos;
    this.draw();
  }

  get zoom(): number {
    return this.zoomFactor;
  }

  /** Zoom all planes about the crosshair; 1 shows the whole body. */
  setZoom(factor: number): void {
    this.zoomFactor = Math.min(12, Math.max(1, factor));
    if (this.zoomFactor === 1) this.pan = [0, 0, 0];
    else {
      // NiiVue shows (field - pan) / zoom, in mm along the display axes from its own zero.
      const low = this.niivue.volumes[0].extentsMinOrtho!;
      const high = this.niivue.volumes[0].extentsMaxOrtho!;
      const display = this.geometry.toDisplay(this.at);
      this.pan = display.map((v, axis) => {
        const at =
          low[axis] +
          ((v + 0.5) / this.geometry.displayShape[axis]) * (high[axis] - low[axis]);
        return (low[axis] + high[axis]) / 2 - this.zoomFactor * at;
      }) as [number, number, number];
    }
    this.applyPan();
  }

  /** Move the picture of a plane by CSS pixels. */
  panBy(tile: Tile, dx: number, dy: number): void {
    if (this.zoomFactor === 1) return;
    const [here, there] = [this.positionAt(tile, 0, 0), this.positionAt(tile, dx, dy)];
    const spacing = this.geometry.displaySpacing();
    for (let axis = 0; axis < 3; axis++)
      this.pan[axis] += (there[axis] - here[axis]) * spacing[axis] * this.zoomFactor;
    this.applyPan();
  }

  private applyPan(): void {
    this.niivue.scene.pan2Dxyzmm = [...this.pan, this.zoomFactor] as unknown as never;
    this.draw();
  }

  /** Planes as they were last drawn, each as large as its picture. */
  tiles(): Tile[] {
    const dpr = this.inside.uiData.dpr || 1;
    return this.inside.screenSlices.map((slice) => {
      const [left, top, width, height] = slice.leftTopWidthHeight.map((v) => v / dpr);
      return { plane: PLANE_OF[slice.axCorSag], left, top, width, height };
    });
  }

  /**
   * Where a point of a plane lies, in voxels along the display axes, not rounded; the centre of a
   * voxel is a whole number. `x` and `y` count in CSS pixels from the tile's corner.
   */
  positionAt(tile: Tile, x: number, y: number): [number, number, number] {
    const index = this.inside.screenSlices.findIndex((s) => PLANE_OF[s.axCorSag] === tile.plane);
    const dpr = this.inside.uiData.dpr || 1;
    // NiiVue answers inside the tile only, and the mapping is linear: two points give the line.
    const at = (px: number, py: number) =>
      this.inside.screenXY2TextureFrac(
        (tile.left + px) * dpr,
        (tile.top + py) * dpr,
        index,
        false,
      );
    const [near, far] = [0.25, 0.75];
    const a = at(near * tile.width, near * tile.height);
    const b = at(far * tile.width, near * tile.height);
    const c = at(near * tile.width, far * tile.height);
    const s = (x / tile.width - near) / (far - near);
    const t = (y / tile.height - near) / (far - near);
    const position = [0, 1, 2].map(
      (axis) =>
        (a[axis] + s * (b[axis] - a[axis]) + t * (c[axis] - a[axis])) *
          this.geometry.displayShape[axis] -
        0.5,
    ) as [number, number, number];
    const through = THROUGH[tile.plane];
    position[through] = this.geometry.toDisplay(this.at)[through];
    return position;
  }

  /** CSS pixels from the tile's corner of a position in voxels along the display axes. */
  pixelAt(tile: Tile, position: readonly number[]): [number, number] {
    const corner = this.positionAt(tile, 0, 0);
    const end = this.positionAt(tile, tile.width, tile.height);
    const [across, up] = [0, 1, 2].filter((axis) => axis !== THROUGH[tile.plane]);
    return [
      ((position[across] - corner[across]) / (end[across] - corner[across])) * tile.width,
      ((position[up] - corner[up]) / (end[up] - corner[up])) * tile.height,
    ];
  }

  /** Draw once before the next picture of the browser, however often it is asked for. */
  draw(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawNow();
    });
  }

  private drawNow(): void {
    for (const which of ["ct", "pet"] as const) {
      if (!this.dirty.has(which)) continue;
      const volume = this[which]!;
      // Here and not before: a new colour map makes NiiVue choose a window of its own.
      [volume.cal_min, volume.cal_max] = this.window[which];
      this.inside.refreshLayers(volume, this.niivue.volumes.indexOf(volume));
    }
    if (this.dirty.size && this.inside.gradientTexture) {
      // For lit volumes only, which are never drawn here: as large as the study on the card.
      this.inside.gl.deleteTexture(this.inside.gradientTexture);
      this.inside.gradientTexture = null;
    }
    this.dirty.clear();
    const { gl, drawTexture } = this.inside;
    gl.activeTexture(gl.TEXTURE7);
    gl.bindTexture(gl.TEXTURE_3D, drawTexture);
    this.niivue.drawScene();
    this.drawn();
  }

  private refresh(which: "pet" | "ct"): void {
    this.dirty.add(which);
    this.draw();
  }

  close(): void {
    this.niivue.cleanup();
    this.inside.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

async function read(name: string, buffer: ArrayBuffer, geometry: Geometry): Promise<NVImage> {
  const volume = await NVImage.loadFromUrl({ url: name, name, buffer } as never);
  volume.opacity = 1;
  volume.colorbarVisible = false;
  checkAgreement(volume, geometry);
  return volume;
}

function valueAt(volume: NVImage, offset: number): number {
  const { scl_slope: slope, scl_inter: inter } = volume.hdr!;
  const raw = Number(volume.img![offset]);
  return slope ? raw * slope + (inter || 0) : raw;
}

/** NiiVue's axes must be the ones that we draw with, or every scribble would go astray. */
function checkAgreement(volume: NVImage, geometry: Geometry): void {
  const theirs = volume.permRAS!.join();
  const ours = geometry.perm
    .map((axis, i) => (geometry.flip[i] ? -1 : 1) * (axis + 1))
    .join();
  const dims = volume.hdr!.dims.slice(1, 4).join();
  if (theirs !== ours || dims !== geometry.shape.join())
    throw new Error(
      `the volume ${volume.name} lies otherwise (axes ${theirs}, ${dims} voxels) than the study ` +
        `(axes ${ours}, ${geometry.shape.join()} voxels)`,
    );
}
