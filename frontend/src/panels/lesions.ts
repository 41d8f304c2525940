/** The list of lesions: the numbers of each, and what can be done with it. */
import { css, lesionColour } from "../colours";
import { figure, h, svg, swatch } from "../dom";
import type { Lesion, SessionState } from "../types";

const TICK = "M2.5 6.5 5 9l4.5-6";
const LOCK = "M3 5.5h6v5H3zM4.2 5.5V3.8a1.8 1.8 0 0 1 3.6 0v1.7";

/** A sign drawn by us: fonts differ in which they have. */
const sign = (path: string) =>
  svg("svg", { class: "flag", viewBox: "0 0 12 12", "aria-hidden": "true" }, svg("path", { d: path }));

export interface LesionPort {
  select(lesion: Lesion): void;
  mark(kind: "accept" | "reject" | "lock" | "unlock", lesion: Lesion): void;
}

export class LesionPanel {
  readonly element: HTMLElement;
  private readonly body = h("tbody");
  private readonly acts = h("div", { class: "acts" });
  private readonly title = h("h2", { id: "lesions-title" }, "Lesions");
  private readonly head = h("thead");
  private drawn = "";

  constructor(private readonly port: LesionPort) {
    this.element = h(
      "section",
      { class: "panel lesions", "aria-labelledby": "lesions-title" },
      this.title,
      h("div", { class: "scroll" }, h("table", {}, this.head, this.body)),
      this.acts,
    );
  }

  update(state: SessionState, selected: number | null): void {
    const key = JSON.stringify([state.lesions, selected, state.done, state.study.suv, state.start]);
    if (key === this.drawn) return;
    this.drawn = key;
    const value = state.study.suv ? "SUV" : "";
    const { start } = state;
    this.title.replaceChildren(
      `Lesions (${state.lesions.length})`,
      start ? h("span", { class: "from", title: `The mask of ${start.name} is what scribbles correct.` }, `started from ${start.name}`) : "",
    );
    this.head.replaceChildren(
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "No."),
        h("th", { scope: "col" }, "ml"),
        h("th", { scope: "col", title: "Largest value" }, `${value}max`),
        h("th", { scope: "col", title: "Mean value" }, `${value}mean`),
        h("th", { scope: "col", title: "Largest mean of a 1 ml sphere" }, `${value}peak`),
        h("th", { scope: "col", title: "Total lesion glycolysis: mean times volume" }, "TLG"),
        h("th", { scope: "col", class: "flags" }, h("span", { class: "unseen" }, "State")),
      ),
    );
    this.body.replaceChildren(...state.lesions.map((lesion) => this.row(lesion, selected)));
    if (!state.lesions.length)
      this.body.replaceChildren(
        h("tr", {}, h("td", { colspan: 7, class: "none" }, "No lesion in the mask.")),
      );
    const lesion = state.lesions.find((l) => l.number === selected);
    this.acts.replaceChildren(...this.buttons(lesion, state.done));
    this.body.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  private row(lesion: Lesion, selected: number | null): HTMLElement {
    const number = h(
      "button",
      { type: "button", "aria-label": `Go to lesion ${lesion.number}` },
      swatch(css(lesionColour(lesion.number))),
      String(lesion.number),
    );
    const state = [lesion.accepted && "accepted", lesion.locked && "locked"].filter(Boolean);
    return h(
      "tr",
      {
        onclick: () => this.port.select(lesion),
        "aria-current": lesion.number === selected ? "true" : null,
        "data-lesion": lesion.number,
      },
      h("th", { scope: "row" }, number),
      h("td", {}, figure(lesion.volume_ml)),
      h("td", {}, figure(lesion.suv_max)),
      h("td", {}, figure(lesion.suv_mean)),
      h("td", {}, figure(lesion.suv_peak)),
      h("td", {}, figure(lesion.tlg)),
      h("td", { class: "flags", title: state.join(", ") }, lesion.accepted && sign(TICK), lesion.locked && sign(LOCK), h("span", { class: "unseen" }, state.join(", "))),
    );
  }

  private buttons(lesion: Lesion | undefined, done: boolean): HTMLElement[] {
    const button = (
      text: string,
      key: string,
      kind: "accept" | "reject" | "lock" | "unlock",
      title: string,
      pressed?: boolean,
    ) =>
      h(
        "button",
        {
          type: "button",
          disabled: !lesion || done,
          title,
          "aria-pressed": pressed === undefined ? null : String(pressed),
          onclick: () => lesion && this.port.mark(kind, lesion),
        },
        text,
        h("kbd", {}, key),
      );
    return [
      button("Accept", "A", "accept", "This lesion is right", lesion?.accepted ?? false),
      lesion?.locked
        ? button("Unlock", "L", "unlock", "Later strokes may change it again", true)
        : button("Lock", "L", "lock", "Later strokes leave it as it is", false),
      button("Reject", "X", "reject", "Take this lesion out of the mask"),
    ];
  }
}
