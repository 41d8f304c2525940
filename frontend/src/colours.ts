/**
 * Colours of lesions and scribbles.
 *
 * Neighbours in the list differ in lightness as well as in hue, so that they can be told apart with
 * any colour vision; the number beside the swatch says the rest. Scribbles have the colours and the
 * shapes of our reports: a blue disc for foreground, a magenta diamond for background.
 */
import type { Label } from "./types";

export type Rgb = readonly [number, number, number];

const LESIONS: readonly Rgb[] = [
  [255, 138, 30],
  [64, 200, 130],
  [168, 120, 255],
  [240, 210, 40],
  [235, 80, 110],
  [70, 205, 215],
  [190, 225, 90],
  [235, 145, 215],
  [200, 130, 80],
  [120, 160, 255],
];

export const SCRIBBLES: Record<Label, Rgb> = { foreground: [0, 174, 239], background: [226, 44, 138] };

export function lesionColour(number: number): Rgb {
  return LESIONS[(number - 1) % LESIONS.length];
}

export function css(colour: Rgb, alpha = 1): string {
  return `rgb(${colour.join(" ")} / ${alpha})`;
}

/**
 * 256 colours of a label map; alpha is how much of the fill shows. Label 0 is no lesion.
 */
export function labelTable(selected: number | null): Uint8ClampedArray {
  const table = new Uint8ClampedArray(256 * 4);
  for (let label = 1; label < 256; label++) {
    const [r, g, b] = lesionColour(label);
    table.set([r, g, b, label === selected ? 255 : 140], 4 * label);
  }
  return table;
}
