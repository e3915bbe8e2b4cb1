import { type CopyOptions, copyTree, type Place, reasonOf, S } from "../9p/mod.ts";
import { Exit } from "./exit.ts";
import { visible, warn } from "./output.ts";

export interface TransferOptions {
  readonly recursive?: boolean;
}

/** How often the line of progress is drawn anew, ms. */
const DRAW_MS = 200;

/**
 * Copies with a line of progress on a terminal, and goes on after a file that fails. A directory needs `-r`. ^C ends it
 * between two requests.
 */
export async function transfer(source: Place, target: Place, { recursive }: TransferOptions): Promise<void> {
  const attr = await source.side.lstat(source.path);
  if (attr && (attr.mode & S.IFMT) === S.IFDIR && !recursive) {
    throw new Exit("usage", `${visible(source.path)} is a directory: copy it with all that is in it by -r`);
  }
  const aborter = new AbortController();
  const stop = () => aborter.abort();
  Deno.addSignalListener("SIGINT", stop);
  const progress = new Progress();
  const options: CopyOptions = {
    // As cp(1): one file is new where it is copied to, a folder is the same folder.
    preserve: recursive ? true : "mode",
    signal: aborter.signal,
    onProgress: ({ files, bytes }, path) =>
      progress.draw(`${files} files, ${bytesText(bytes)}, ${visible(path)}`),
    onError: (path, thrown) => {
      progress.clear();
      warn(`${visible(path)}: ${reasonOf(thrown)}`);
    },
  };
  try {
    const { failed } = await copyTree(source, target, options);
    if (failed > 0) throw new Exit("failed", "");
  } catch (thrown) {
    if (aborter.signal.aborted) throw new Exit("interrupted", "Stopped: what was copied so far is there");
    throw thrown;
  } finally {
    progress.clear();
    Deno.removeSignalListener("SIGINT", stop);
  }
}

/** `12.3 MB` */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** One line at the bottom of a terminal; nothing where the errors go elsewhere. */
export class Progress {
  readonly #isShown = Deno.stderr.isTerminal();
  #drawnAt = 0;

  draw(text: string): void {
    const now = performance.now();
    if (!this.#isShown || now - this.#drawnAt < DRAW_MS) return;
    this.#drawnAt = now;
    const width = Deno.consoleSize().columns - 1;
    Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text.slice(0, width)}`));
  }

  clear(): void {
    if (this.#isShown && this.#drawnAt > 0) Deno.stderr.writeSync(new TextEncoder().encode("\r\x1b[K"));
  }
}

/** Where a copy named `name` goes when its target is a directory that is there: into it. */
export async function into(
  target: Place,
  name: string,
  isDirectory: (path: string) => Promise<boolean>,
): Promise<Place> {
  if (!await isDirectory(target.path)) return target;
  return { side: target.side, path: `${target.path.replace(/\/+$/, "")}/${name}` };
}
