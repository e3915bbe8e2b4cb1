import type { Inode } from "./inode.ts";

/** One name of one file in one directory: what a fid binds to. It moves with renames and outlives its removal. */
export class Place {
  /** Of its slot in the directory. */
  cookie = 0;
  /** The name is gone; the file goes on for those who hold it. */
  removed = false;

  /** `parent` is undefined for the root. */
  constructor(public parent: Place | undefined, public name: string, readonly inode: Inode) {}
}

/** Whether `place` is `top` or below it. */
export function isWithin(place: Place, top: Place): boolean {
  for (let at: Place | undefined = place; at; at = at.parent) if (at === top) return true;
  return false;
}
