/** Files on their way to the server: gathered from what was dropped or chosen, a few at a time. */
import * as api from "./api";
import type { Uploaded } from "./types";

/** A file and where it lies in the folder that was given. */
export interface Given {
  path: string;
  file: File;
}

const AT_A_TIME = 3;
const TRIES = 3;
const PAUSE_MS = 1500;

/** All files of a drop, those in folders as well. Must be called before the drop's event ends. */
export async function dropped(transfer: DataTransfer): Promise<Given[]> {
  const files = [...transfer.items].filter((item) => item.kind === "file");
  const found = files.map((item) => {
    const entry = item.webkitGetAsEntry();
    if (entry) return within(entry);
    // What lies in no file system, such as an attachment of a mail, has no entry but is a file.
    const file = item.getAsFile();
    return file ? chosen([file]) : [];
  });
  return (await Promise.all(found)).flat();
}

export const chosen = (files: Iterable<File>): Given[] =>
  [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

async function within(entry: FileSystemEntry): Promise<Given[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Given[] = [];
  for (;;) {
    // A folder is told in parts; an empty one is its end.
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (!part.length) return found;
    for (const inner of part) found.push(...(await within(inner)));
  }
}

/** One upload: send the files, then have them opened. */
export class Upload {
  readonly total: number;
  private readonly sent = new Map<Given, number>();
  private readonly running = new Set<XMLHttpRequest>();
  private id: string | null = null;
  private cancelled = false;

  constructor(
    private readonly given: readonly Given[],
    /** Bytes sent so far. */
    private readonly told: (sent: number) => void,
  ) {
    this.total = given.reduce((sum, { file }) => sum + file.size, 0);
  }

  /** Resolves to the studies; null when it was cancelled. */
  async run(): Promise<Uploaded | null> {
    try {
      this.id = (await api.newUpload()).id;
      const left = [...this.given];
      const lane = async () => {
        for (let next = left.shift(); next && !this.cancelled; next = left.shift())
          await patiently(() => this.send(next!));
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, lane));
      if (this.cancelled) return null;
      return await patiently(() => api.finishUpload(this.id!));
    } catch (error) {
      if (this.cancelled) return null;
      await this.cancel();
      throw error;
    }
  }

  async cancel(): Promise<void> {
    this.cancelled = true;
    for (const request of this.running) request.abort();
    try {
      if (this.id) await api.removeUpload(this.id);
    } catch {
      // The server clears away by itself what was never finished.
    }
  }

  /** By XMLHttpRequest: fetch does not tell how much was sent. */
  private send(given: Given): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const ended = (act: () => void) => () => {
        this.running.delete(request);
        act();
      };
      const note = (count: number) => {
        this.sent.set(given, count);
        this.told([...this.sent.values()].reduce((a, b) => a + b, 0));
      };
      request.open("PUT", `api/uploads/${this.id}/files?${new URLSearchParams({ path: given.path })}`);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => note(Math.min(event.loaded, given.file.size));
      request.onload = ended(() => {
        if (request.status >= 400) return reject(api.refusal(request.status, request.responseText));
        note(given.file.size);
        resolve();
      });
      request.onerror = ended(() => reject(new api.ServerGone("the server does not answer")));
      request.onabort = ended(() => reject(new Error("cancelled")));
      this.running.add(request);
      request.send(given.file);
    });
  }
}

/** Again when no answer came: what is asked for may be asked twice. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let left = TRIES - 1; ; left--)
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof api.ServerGone) || !left) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
}
