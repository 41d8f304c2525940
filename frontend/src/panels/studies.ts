/** The list of studies: open one, remove one that was uploaded or fetched. */
import { h } from "../dom";
import type { StudyEntry } from "../types";

export interface StudiesPort {
  open(study: StudyEntry, button: HTMLButtonElement): void;
  remove(study: StudyEntry): void;
}

const COLUMNS = ["Study", "Tracer", "Format", "Sessions", ""];
const FROM: Record<string, string> = { upload: "uploaded", pacs: "from the PACS" };

export class StudiesTable {
  readonly element: HTMLElement;
  private readonly body = h("tbody");

  constructor(private readonly port: StudiesPort) {
    this.element = h(
      "table",
      { class: "studies" },
      h("thead", {}, h("tr", {}, ...COLUMNS.map((text) => h("th", { scope: "col" }, text)))),
      this.body,
    );
  }

  /** Show them as one reader has them. */
  update(studies: readonly StudyEntry[], reader: string): void {
    this.body.replaceChildren(...studies.map((study) => this.row(study, reader)));
    if (!studies.length)
      this.body.replaceChildren(
        h("tr", {}, h("td", { colspan: COLUMNS.length, class: "none" }, "No study in the data folder.")),
      );
  }

  private row(study: StudyEntry, reader: string): HTMLElement {
    const mine = study.sessions.find((s) => s.reader === reader);
    const button = h(
      "button",
      { type: "button", class: "main", "aria-label": `Open ${study.name}`, onclick: () => this.port.open(study, button) },
      mine ? (mine.done ? "Look again" : "Go on") : "Open",
    );
    const from = FROM[study.source ?? ""];
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, study.name, from && h("span", { class: "tag" }, from)),
      h("td", {}, study.tracer?.toUpperCase() ?? "–"),
      h("td", {}, study.kind),
      h("td", {}, study.sessions.map((s) => `${s.reader}${s.done ? " ✓" : ""}`).join(", ") || "–"),
      h(
        "td",
        {},
        (study.upload || study.source === "pacs") &&
          h("button", { type: "button", class: "quiet", "aria-label": `Remove ${study.name}`, onclick: () => this.port.remove(study) }, "Remove"),
        button,
      ),
    );
  }
}
