/** Windows and colour maps that readers know. */

export interface Window {
  name: string;
  low: number;
  high: number;
  key: string;
}

/** SUV. Values that are not SUV are scaled to their own range by `petWindows`. */
export const SUV_WINDOWS: readonly Window[] = [
  { name: "0–5", low: 0, high: 5, key: "1" },
  { name: "0–7", low: 0, high: 7, key: "2" },
  { name: "0–10", low: 0, high: 10, key: "3" },
  { name: "0–15", low: 0, high: 15, key: "4" },
  { name: "0–20", low: 0, high: 20, key: "5" },
];

/** Parts of the largest value, for PET that is not SUV. */
const PARTS = [0.05, 0.1, 0.2, 0.4, 1];

export function petWindows(suv: boolean, largest: number): readonly Window[] {
  if (suv) return SUV_WINDOWS;
  return PARTS.map((part, i) => ({
    name: `0–${Math.round(part * 100)}%`,
    low: 0,
    high: part * largest || 1,
    key: String(i + 1),
  }));
}

/** Hounsfield units: centre and width as on most workstations. */
export const CT_WINDOWS: readonly Window[] = [
  { name: "Soft", low: -160, high: 240, key: "6" },
  { name: "Lung", low: -1350, high: 150, key: "7" },
  { name: "Bone", low: -450, high: 1050, key: "8" },
  { name: "Brain", low: 0, high: 80, key: "9" },
];

export type PetMap = "grey" | "iron";
export const PET_MAPS: Record<PetMap, string> = { grey: "Inverted grey", iron: "Hot iron" };

export interface ColourMap {
  R: number[];
  G: number[];
  B: number[];
  A: number[];
  I: number[];
}

/** Hot iron as in DICOM PS3.6 annex B.1.1: red rises first, then green with blue behind. */
export const COLOUR_MAPS: Record<PetMap, ColourMap> = {
  grey: { R: [255, 0], G: [255, 0], B: [255, 0], A: [255, 255], I: [0, 255] },
  iron: {
    R: [0, 255, 255, 255],
    G: [0, 0, 127, 255],
    B: [0, 0, 0, 255],
    A: [255, 255, 255, 255],
    I: [0, 128, 192, 255],
  },
};
