/** The menu of files: go on from a mask, take results out, send them to the archive. */
import { exportAddress } from "../api";
import { h } from "../dom";

export interface MenuPort {
  /** A mask made elsewhere was chosen. */
  start(file: File): void;
  /** The reader wants results in the archive. */
  store(): void;
}

const EXPORTS: readonly (readonly [string, string])[] = [
  ["seg.dcm", "DICOM SEG, one segment per lesion"],
  ["rtstruct.dcm", "DICOM RTSTRUCT, contours"],
  ["sr.dcm", "DICOM SR, measurement report"],
  ["mask.nii.gz", "Mask, NIfTI"],
  ["mask.mha", "Mask, MHA"],
  ["lesions.csv", "Lesions, CSV"],
  ["scribbles.json", "Scribbles, JSON"],
  ["session.json", "Session for replay, JSON"],
];

export class FileMenu {
  readonly element: HTMLDetailsElement;
  private readonly field = h("input", { type: "file", hidden: true, accept: ".dcm,.nii,.gz,.mha", "aria-label": "Mask file" });
  private readonly open: HTMLButtonElement;
  private readonly send = h("button", { type: "button", hidden: true, onclick: () => this.chose(() => this.port?.store()) });
  port: MenuPort | null = null;

  constructor(session: string) {
    this.open = h(
      "button",
      { type: "button", title: "DICOM SEG, NIfTI or MHA: scribbles correct it from then on", onclick: () => this.chose(() => this.field.click()) },
      "Open a mask …",
    );
    this.field.addEventListener("change", () => {
      const file = this.field.files?.[0];
      if (file) this.port?.start(file);
      this.field.value = "";
    });
    this.element = h(
      "details",
      { class: "menu" },
      h("summary", { role: "button" }, "File"),
      h(
        "ul",
        {},
        h("li", {}, this.open, this.field),
        h("li", { class: "title" }, "Export"),
        ...EXPORTS.map(([what, name]) =>
          h("li", {}, h("a", { href: exportAddress(session, what), download: true, "data-export": what }, name, h("span", { class: "soft" }, what))),
        ),
        h("li", {}, this.send),
      ),
    );
    this.element.addEventListener("click", (event) => {
      if ((event.target as HTMLElement).closest("a")) this.element.open = false;
    });
    this.element.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.element.contains(event.relatedTarget as Node)) this.element.open = false;
    });
  }

  update(done: boolean): void {
    this.open.disabled = done;
  }

  /** Offer to send results to an archive. */
  offer(pacs: string): void {
    this.send.textContent = `Send to ${pacs} …`;
    this.send.hidden = false;
  }

  private chose(act: () => void): void {
    this.element.open = false;
    act();
  }
}
