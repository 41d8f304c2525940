/** The strip of tools: pen, windows, fusion, colours. It shows the settings and changes them. */
import { h } from "../dom";
import type { Tool } from "../pointer";
import type { Settings } from "../settings";
import { CT_WINDOWS, PET_MAPS, type PetMap, type Window } from "../windows";

export const THICKNESSES = [0, 6, 10, 16, 24] as const;

export interface ToolbarPort {
  change(part: Partial<Settings>): void;
  run(): void;
  drop(): void;
}

interface Choice {
  element: HTMLElement;
  set(value: string): void;
}

export class Toolbar {
  readonly element: HTMLElement;
  private readonly tool: Choice;
  private readonly pet: Choice;
  private readonly ct: Choice | null;
  private readonly map: Choice;
  private readonly thickness: HTMLSelectElement;
  private readonly collect: HTMLInputElement;
  private readonly run: HTMLButtonElement;
  private readonly dropButton: HTMLButtonElement;
  private readonly fusion: HTMLInputElement | null;

  constructor(port: ToolbarPort, petWindows: readonly Window[], hasCt: boolean, suv: boolean, byHand: boolean) {
    this.tool = choice("Tool", [
      ["point", "Point", "Move the crosshair (V)"],
      ["foreground", "Foreground", "Draw: this is lesion (F)", "pen foreground"],
      ["background", "Background", "Draw: this is not (B)", "pen background"],
      ...(byHand ? [["outline", "Outline", "All inside a line drawn round it; right button: take it away (G)"] as const] : []),
    ], (tool) => port.change({ tool: tool as Tool }));
    this.thickness = h(
      "select",
      {
        "aria-label": "Pen thickness",
        title: "Pen thickness ( [ and ] )",
        onchange: () => port.change({ thickness: Number(this.thickness.value) }),
      },
      ...THICKNESSES.map((mm) => h("option", { value: mm }, mm ? `${mm} mm` : "1 voxel")),
    );
    this.collect = h("input", {
      type: "checkbox",
      onchange: () => port.change({ collect: this.collect.checked }),
    });
    this.run = h("button", { type: "button", class: "main", onclick: () => port.run(), title: "Run the collected strokes (Enter)" }, "Run");
    this.dropButton = h("button", { type: "button", class: "quiet", onclick: () => port.drop(), title: "Drop the collected strokes" }, "Drop");
    this.pet = choice(
      "PET window",
      petWindows.map((w, i) => [String(i), w.name, `PET window ${w.name}${suv ? " SUV" : ""} (${w.key})`]),
      (i) => port.change({ pet: Number(i) }),
    );
    this.ct = hasCt
      ? choice(
          "CT window",
          CT_WINDOWS.map((w, i) => [String(i), w.name, `CT window ${w.name}: ${w.low} to ${w.high} HU (${w.key})`]),
          (i) => port.change({ ct: Number(i) }),
        )
      : null;
    this.map = choice(
      "PET colours",
      Object.entries(PET_MAPS).map(([key, name]) => [key, name, `${name} (I)`, `ramp ${key}`]),
      (map) => port.change({ map: map as PetMap }),
    );
    this.fusion = hasCt
      ? h("input", {
          type: "range", min: 0, max: 100, step: 5,
          "aria-label": "Fusion: CT to the left, PET to the right",
          title: "Fusion (T, comma and full stop)",
          oninput: () => port.change({ fusion: Number(this.fusion!.value) / 100 }),
        })
      : null;
    this.element = h(
      "div",
      { class: "tools", role: "toolbar", "aria-label": "Tools" },
      this.tool.element,
      this.thickness,
      h("label", { class: "check", hidden: byHand, title: "Collect strokes, then run them together (C)" }, this.collect, "Collect"),
      this.run,
      this.dropButton,
      h("span", { class: "rule" }),
      h("span", { class: "name" }, suv ? "SUV" : "PET"),
      this.pet.element,
      this.map.element,
      ...(this.ct && this.fusion
        ? [
            h("span", { class: "rule" }),
            h("span", { class: "name" }, "CT"),
            this.ct.element,
            h("span", { class: "rule" }),
            h("span", { class: "fusion" }, h("span", { class: "name" }, "CT"), this.fusion, h("span", { class: "name" }, "PET")),
          ]
        : []),
    );
  }

  update(settings: Settings, collected: number, done: boolean): void {
    this.tool.set(settings.tool);
    this.thickness.value = String(settings.thickness);
    this.collect.checked = settings.collect;
    this.run.hidden = this.dropButton.hidden = !settings.collect && !collected;
    this.run.disabled = this.dropButton.disabled = !collected || done;
    this.run.textContent = collected ? `Run ${collected}` : "Run";
    this.pet.set(String(settings.pet));
    this.ct?.set(String(settings.ct));
    this.map.set(settings.map);
    if (this.fusion) this.fusion.value = String(Math.round(settings.fusion * 100));
  }
}

/** Buttons of which one is on. */
function choice(
  name: string,
  options: readonly (readonly [string, string, string, string?])[],
  chosen: (value: string) => void,
): Choice {
  const buttons = options.map(([value, text, title, look]) =>
    h(
      "button",
      {
        type: "button",
        title,
        class: look,
        "aria-pressed": "false",
        "data-value": value,
        "aria-label": look?.startsWith("ramp") ? text : null,
        onclick: () => chosen(value),
      },
      look?.startsWith("ramp") ? "" : text,
    ),
  );
  return {
    element: h("div", { class: "choice", role: "group", "aria-label": name }, ...buttons),
    set: (value) =>
      buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.value === value))),
  };
}
