/** Bring studies in: drop files or folders anywhere on the page, or choose them. */
import { bytes, h } from "../dom";
import { describe } from "../session";
import { chosen, dropped, Upload, type Given } from "../uploads";
import { Transfer } from "./transfer";

const plural = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;

export class UploadPanel {
  readonly element: HTMLElement;
  /** The list of studies is not what it was. */
  changed: () => void = () => undefined;
  private readonly transfers = h("ul", { class: "transfers" });
  private running = 0;

  constructor() {
    const input = (label: string, folder: boolean) => {
      const field = h("input", { type: "file", multiple: true, hidden: true, "aria-label": label, webkitdirectory: folder });
      field.addEventListener("change", () => {
        // Copied first: emptying the field empties its list.
        const given = chosen(field.files ?? []);
        field.value = "";
        void this.take(Promise.resolve(given));
      });
      const button = h("button", { type: "button", onclick: () => field.click() }, label);
      return [button, field];
    };
    this.element = h(
      "section",
      { class: "intake", "aria-label": "Add studies" },
      h(
        "div",
        { class: "drop" },
        h("p", {}, "Drop a study here: DICOM, NIfTI, MHA, or a .zip of them"),
        h("p", { class: "buttons" }, ...input("Choose files", false), ...input("Choose a folder", true)),
      ),
      this.transfers,
    );
    addEventListener("beforeunload", (event) => {
      if (this.running) event.preventDefault();
    });
  }

  /** Take what is dropped on an element, such as the whole page. */
  takeFrom(target: HTMLElement): void {
    const over = (on: boolean) => this.element.classList.toggle("over-it", on);
    target.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      over(true);
    });
    target.addEventListener("dragleave", () => over(false));
    target.addEventListener("drop", (event) => {
      event.preventDefault();
      over(false);
      if (event.dataTransfer) void this.take(dropped(event.dataTransfer));
    });
  }

  private async take(found: Promise<Given[]>): Promise<void> {
    let given: Given[];
    try {
      given = await found;
    } catch (error) {
      const line = new Transfer("What was dropped", () => undefined);
      line.finish(`cannot be read by the browser. ${describe(error)}`, [], true);
      this.transfers.append(line.element);
      return;
    }
    if (!given.length) return;
    const first = given[0].path.split("/")[0];
    const name = given.length === 1 ? given[0].path : `${first} (${plural(given.length, "file", "files")})`;
    const line = new Transfer(name, () => {
      void upload.cancel();
      line.finish("Cancelled.");
    });
    const upload = new Upload(given, (sent) =>
      line.progress(
        upload.total ? sent / upload.total : null,
        sent < upload.total ? `${bytes(sent)} of ${bytes(upload.total)}` : `${bytes(sent)} sent, opening …`,
      ),
    );
    this.transfers.append(line.element);
    line.progress(0, bytes(upload.total));
    this.running++;
    try {
      const got = await upload.run();
      if (got) line.finish(`${plural(got.studies.length, "study", "studies")} added.`, got.notes);
    } catch (error) {
      line.finish(describe(error), [], true);
    } finally {
      this.running--;
      this.changed();
    }
  }
}
