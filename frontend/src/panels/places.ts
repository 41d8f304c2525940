/** Where a look is worth while: what the mask may have missed, or taken by mistake. */
import { figure, h } from "../dom";
import type { Place } from "../types";

export class PlacesPanel {
  readonly element: HTMLElement;
  private readonly list = h("ol", { class: "places" });
  private drawn = "";

  constructor(private readonly go: (index: number) => void) {
    this.element = h(
      "section",
      { class: "panel", "aria-labelledby": "places-title" },
      h("h2", { id: "places-title" }, "Look next", h("kbd", {}, "N")),
      this.list,
    );
  }

  update(places: readonly Place[], current: number | null): void {
    const key = JSON.stringify([places, current]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.list.replaceChildren(
      ...places.map((place, index) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              type: "button",
              "aria-current": index === current ? "true" : null,
              onclick: () => this.go(index),
            },
            h("span", { class: `kind ${place.kind}` }, place.kind === "missed" ? "Missed?" : "Too much?"),
            h("span", {}, `${figure(place.gain_ml)} ml`),
            h("span", { class: "soft" }, `${Math.round(place.probability * 100)}%`),
          ),
        ),
      ),
    );
    if (!places.length)
      this.list.replaceChildren(h("li", { class: "none" }, "Nothing stands out."));
    this.list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }
}
