import { basename, dirname, join } from "node:path";

/** Where a clone that becomes a volume in that folder is made, and what an interrupted one left. */
export function cloningFolder(folder: string): string {
  return join(dirname(folder), `.${basename(folder)}.cloning`);
}
