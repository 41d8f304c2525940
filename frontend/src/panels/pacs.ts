/** The archive: look for a study there and fetch it. */
import * as api from "../api";
import { h } from "../dom";
import { describe } from "../session";
import type { PacsQuery, PacsStudy } from "../types";
import { Transfer } from "./transfer";

const POLL_MS = 500;

export class PacsPanel {
  readonly element: HTMLElement;
  /** The list of studies is not what it was. */
  changed: () => void = () => undefined;
  private readonly said = h("p", { class: "message", role: "status" });
  private readonly rows = h("tbody");
  private readonly table: HTMLElement;
  private readonly transfers = h("ul", { class: "transfers" });

  constructor(name: string) {
    const field = (key: keyof PacsQuery, label: string, type = "text") =>
      h("label", {}, label, h("input", { name: key, type, maxlength: 64, autocomplete: "off" }));
    const form = h(
      "form",
      { class: "fields" },
      field("patient_id", "Patient ID"),
      field("patient_name", "Patient name"),
      field("date_from", "From", "date"),
      field("date_to", "To", "date"),
      h("button", { class: "main" }, "Search"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = [...new FormData(form)].filter(([, value]) => value !== "");
      void this.search(Object.fromEntries(given) as PacsQuery);
    });
    this.table = h(
      "table",
      { class: "studies", hidden: true },
      h("thead", {}, h("tr", {}, ...["Patient", "ID", "Date", "Description", "Series", ""].map((t) => h("th", { scope: "col" }, t)))),
      this.rows,
    );
    this.element = h(
      "details",
      { class: "pacs" },
      h("summary", {}, `Fetch from ${name}`),
      form,
      this.said,
      this.table,
      this.transfers,
    );
  }

  private async search(query: PacsQuery): Promise<void> {
    this.said.textContent = "Searching …";
    try {
      const { studies, more } = await api.searchPacs(query);
      this.rows.replaceChildren(...studies.map((study) => this.row(study)));
      this.table.hidden = !studies.length;
      this.said.textContent = !studies.length
        ? "Nothing fits."
        : more ? "There are more than are shown: say more." : "";
    } catch (error) {
      this.said.textContent = describe(error);
    }
  }

  private row(study: PacsStudy): HTMLElement {
    const who = study.patient_name?.replace(/\^+/g, " ").trim() || study.patient_id || "–";
    const date = study.date?.replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3") || "–";
    const button = h("button", { type: "button", "aria-label": `Fetch ${who}, ${date}`, onclick: () => void this.fetch(study.uid, `${who}, ${date}`, button) }, "Fetch");
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, who),
      h("td", {}, study.patient_id || "–"),
      h("td", {}, date),
      h("td", {}, study.description || "–"),
      h("td", {}, [study.series, study.modalities.join(" ")].filter((v) => v !== null && v !== "").join(" · ") || "–"),
      h("td", {}, button),
    );
  }

  private async fetch(uid: string, name: string, button: HTMLButtonElement): Promise<void> {
    let id: string | null = null;
    const line = new Transfer(name, () => id && void api.cancelJob(id).catch(() => undefined));
    this.transfers.append(line.element);
    line.progress(null, "Asking …");
    button.disabled = true;
    try {
      ({ job: id } = await api.fetchFromPacs(uid));
      for (;;) {
        const job = await api.job(id);
        if (job.state === "running") {
          line.progress(job.total ? job.done / job.total : null, `${job.done}${job.total ? ` of ${job.total}` : ""} images`);
          await new Promise((resolve) => setTimeout(resolve, POLL_MS));
          continue;
        }
        const { problem } = job;
        if (problem) line.finish([problem.error, problem.cause, problem.remedy].filter(Boolean).join(" "), [], true);
        else line.finish(job.state === "cancelled" ? "Cancelled." : `Fetched: ${job.studies.map((s) => s.name).join(", ")}.`);
        this.changed();
        return;
      }
    } catch (error) {
      line.finish(describe(error), [], true);
    } finally {
      button.disabled = false;
    }
  }
}
