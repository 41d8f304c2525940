/** The line that says what is under the mouse, or at the crosshair. */
import { figure, h } from "../dom";
import type { Geometry } from "../geometry";
import type { Scene } from "../scene";
import type { Voxel } from "../types";

export class Readout {
  readonly element = h("div", { class: "readout", "data-testid": "readout" });
  private readonly parts = {
    where: h("span", { class: "where soft" }),
    pet: h("span", { class: "value" }),
    ct: h("span", { class: "value" }),
    mm: h("span", { class: "mm" }),
    voxel: h("span", { class: "voxel soft" }),
    lesion: h("span", { class: "soft" }),
  };

  constructor(
    private readonly scene: Scene,
    private readonly geometry: Geometry,
    private readonly suv: boolean,
    private readonly labelAt: (voxel: Voxel) => number,
  ) {
    this.element.append(...Object.values(this.parts));
  }

  show(voxel: Voxel, underMouse: boolean): void {
    const { parts } = this;
    const [x, y, z] = this.geometry.millimetres(voxel);
    const side = (value: number, plus: string, minus: string) =>
      `${value < 0 ? minus : plus} ${Math.abs(value).toFixed(1)}`;
    parts.where.textContent = underMouse ? "Mouse" : "Crosshair";
    parts.pet.textContent = `${this.suv ? "SUV" : "PET"} ${figure(this.scene.petAt(voxel), 2)}`;
    const ct = this.scene.ctAt(voxel);
    parts.ct.textContent = ct === null ? "" : `HU ${Math.round(ct)}`;
    parts.mm.textContent = `${side(x, "L", "R")}  ${side(y, "P", "A")}  ${side(z, "H", "F")} mm`;
    parts.mm.title = `LPS ${x.toFixed(2)}, ${y.toFixed(2)}, ${z.toFixed(2)} mm`;
    parts.voxel.textContent = `voxel ${voxel.join(" ")}`;
    const lesion = this.labelAt(voxel);
    parts.lesion.textContent = lesion ? `lesion ${lesion}` : "";
    this.element.dataset.voxel = voxel.join(",");
    this.element.dataset.mm = [x, y, z].map((v) => v.toFixed(3)).join(",");
  }
}
