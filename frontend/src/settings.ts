/** What the reader has set, kept in the browser between visits. */
import type { Plane } from "./geometry";
import type { Tool } from "./pointer";
import type { PetMap } from "./windows";

export interface Settings {
  tool: Tool;
  /** Of the pen, mm; 0 is a single voxel. */
  thickness: number;
  /** Strokes wait until they are run together. */
  collect: boolean;
  /** Place in the list of windows. */
  pet: number;
  ct: number;
  map: PetMap;
  /** 0 CT alone, 1 PET alone. */
  fusion: number;
  /** The plane that gets the most room; null gives each a quarter. */
  large: Plane | null;
}

const DEFAULTS: Settings = {
  tool: "point",
  thickness: 0,
  collect: false,
  pet: 2,
  ct: 0,
  map: "iron",
  fusion: 0.55,
  large: "coronal",
};

const KEY = "lesionloop-settings";

export function readSettings(): Settings {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Settings>;
    // A pen in the hand at the start draws by mistake.
    return { ...DEFAULTS, ...kept, tool: "point" };
  } catch {
    return { ...DEFAULTS };
  }
}

export function keepSettings(settings: Settings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A browser that keeps nothing still works.
  }
}
