import type { Mount } from "./mount.ts";
import type { Point } from "./point.ts";

/**
 * A place in the namespace. An ordinary one is a place of one mount. A point is a directory where something is mounted,
 * or above such a one; what is behind it may be several mounts, one, or nothing.
 */
export class Node {
  constructor(
    readonly mount: Mount | undefined,
    readonly inner: object | undefined,
    readonly point?: Point,
  ) {}
}

/** A place of a file server, with the mount that it was reached by. */
export interface Backing {
  readonly mount: Mount;
  readonly inner: object;
}
