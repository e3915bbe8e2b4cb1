import type { Mount } from "./mount.ts";
import { type Backing, Node } from "./node.ts";

/** A name in the namespace where something is mounted, or on the way to such a name. */
export class Point {
  readonly node: Node = new Node(undefined, undefined, this);
  readonly children = new Map<string, Point>();
  /** What is mounted here, in the order in which names are looked up. */
  members: Mount[] = [];
  /** What was here before anything was mounted: shows through while nothing is, and in unions with it. */
  underlying: Backing | undefined;

  #childrenMade = 0;

  /** `serial` grows with each child of the parent: it says where a listing is, whatever is unmounted meanwhile. */
  constructor(readonly name: string, readonly parent: Point | undefined, readonly serial = 0) {}

  /** What is behind the name, in order; empty for a directory that only leads to others. */
  get backings(): readonly Backing[] {
    if (this.members.length > 0) return this.members.map((mount) => ({ mount, inner: mount.root }));
    return this.underlying ? [this.underlying] : [];
  }

  /** The member that new names are made in. */
  get memberForNew(): Mount | undefined {
    return this.members.find(({ create }) => create) ??
      this.members.find(({ create }) => create === undefined);
  }

  get path(): string {
    if (!this.parent) return "/";
    const above = this.parent.path;
    return above === "/" ? `/${this.name}` : `${above}/${this.name}`;
  }

  /** The point at that path below this one, made where it is missing. */
  descend(names: readonly string[]): Point {
    return names.reduce<Point>((at, name) => {
      let child = at.children.get(name);
      if (!child) at.children.set(name, child = new Point(name, at, ++at.#childrenMade));
      return child;
    }, this);
  }

  /** Forgets this point, and those above it, if they lead nowhere any more. */
  prune(): void {
    if (!this.parent || this.members.length > 0 || this.children.size > 0) return;
    this.parent.children.delete(this.name);
    this.parent.prune();
  }

  /** All points with something mounted, from here down. */
  *mounted(): Generator<Point> {
    if (this.members.length > 0) yield this;
    for (const child of this.children.values()) yield* child.mounted();
  }
}
