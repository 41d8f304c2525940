/** The course of the session: tumour volume after each step, as a small line. */
import { figure, h, svg } from "../dom";
import type { CurvePoint } from "../types";

const [WIDTH, HEIGHT] = [296, 62];
const PAD = { left: 6, right: 8, top: 16, bottom: 14 };

export class CurvePanel {
  readonly element: HTMLElement;
  private readonly figureBox = h("div", { class: "curve" });
  private drawn = "";

  constructor() {
    this.element = h(
      "section",
      { class: "panel", "aria-labelledby": "curve-title" },
      h("h2", { id: "curve-title" }, "Volume by step"),
      this.figureBox,
    );
  }

  update(points: readonly CurvePoint[]): void {
    const key = JSON.stringify(points);
    if (key === this.drawn) return;
    this.drawn = key;
    this.figureBox.replaceChildren(curve(points));
  }
}

function curve(points: readonly CurvePoint[]): Element {
  if (!points.length) return h("p", { class: "none" }, "No step yet.");
  const volumes = points.map((p) => p.mtv_ml);
  const [low, high] = [Math.min(...volumes), Math.max(...volumes)];
  const last = points[points.length - 1];
  const x = (i: number) =>
    points.length < 2
      ? PAD.left
      : PAD.left + (i / (points.length - 1)) * (WIDTH - PAD.left - PAD.right);
  const y = (v: number) =>
    PAD.top + (high === low ? 0.5 : (high - v) / (high - low)) * (HEIGHT - PAD.top - PAD.bottom);
  const line = points.map((p, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(p.mtv_ml).toFixed(1)}`);
  const dots = points.map((p, i) =>
    svg("circle", { cx: x(i), cy: y(p.mtv_ml), r: i === points.length - 1 ? 3.4 : 2.2 }),
  );
  dots.forEach((dot, i) => {
    const title = svg("title", {});
    const p = points[i];
    title.textContent = `Step ${p.step}: ${figure(p.mtv_ml)} ml, TLG ${figure(p.tlg)}, ${p.count} lesions`;
    dot.append(title);
  });
  const label = (text: string, at: number, line_: number, anchor: string) => {
    const element = svg("text", { x: at, y: line_, "text-anchor": anchor });
    element.textContent = text;
    return element;
  };
  return svg(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": `Tumour volume after each step, now ${figure(last.mtv_ml)} ml`,
    },
    svg("path", { d: line.join("") }),
    ...dots,
    label(`${figure(points[0].mtv_ml)} ml`, PAD.left, 10, "start"),
    ...(points.length > 1 ? [label(`${figure(last.mtv_ml)} ml`, WIDTH - PAD.right, 10, "end")] : []),
    label(`step ${points[0].step}`, PAD.left, HEIGHT - 2, "start"),
    ...(points.length > 1 ? [label(`step ${last.step}`, WIDTH - PAD.right, HEIGHT - 2, "end")] : []),
  );
}
