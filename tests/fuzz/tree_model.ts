/**
 * What a file tree is, in the simplest words: the other side of the model test. It shares nothing with the servers.
 *
 * An operation first collects all that is wrong with it. Nothing wrong: it happens. Something: nothing happens, and the
 * server must refuse it for one of those reasons.
 */

export type Kind = "file" | "dir" | "link";

export interface ModelFile {
  readonly id: number;
  readonly kind: Kind;
  mode: number;
  data: Uint8Array;
  readonly target: string;
  /** Of a directory. */
  readonly children: Map<string, Place>;
  readonly xattrs: Map<string, string>;
  names: number;
  /** Grows with each change of the contents. */
  changes: number;
  /** Grows with each change of anything else: a server may count that as a new version, or not. */
  touches: number;
}

/** One name of one file: what fids stand for. */
export interface Place {
  name: string;
  /** Undefined for the root. */
  parent: Place | undefined;
  readonly file: ModelFile;
  isRemoved: boolean;
}

export interface ModelFid {
  readonly place: Place;
  access: "r" | "w" | "rw" | undefined;
  isRemovedAtClunk: boolean;
}

/** Reasons to refuse, by the names of errnos. */
export type Problems = string[];

export class TreeModel {
  readonly root: Place;
  #lastId = 0;
  /** Names in the tree, without the root's. */
  size = 0;

  constructor(rootMode: number) {
    this.root = { name: "/", parent: undefined, file: this.#file("dir", rootMode, ""), isRemoved: false };
  }

  #file(kind: Kind, mode: number, target: string): ModelFile {
    const children = new Map<string, Place>();
    const data = new Uint8Array(0);
    return {
      id: ++this.#lastId,
      kind,
      mode,
      target,
      data,
      children,
      xattrs: new Map(),
      names: 0,
      changes: 0,
      touches: 0,
    };
  }

  /** Where the names lead, as far as they do; why not farther. */
  walk(from: Place, names: readonly string[]): { steps: Place[]; problems: Problems } {
    const steps: Place[] = [];
    let at = from;
    for (const name of names) {
      const problems: Problems = [];
      const next = name === ".." ? at.parent ?? at : at.file.children.get(name);
      if (name === "" || name.includes("/")) problems.push("EINVAL");
      if (at.file.kind !== "dir") problems.push("ENOTDIR");
      else if (!next) problems.push("ENOENT");
      if (problems.length > 0) return { steps, problems };
      steps.push(at = next!);
    }
    return { steps, problems: [] };
  }

  /** What keeps a new name from being made in a directory. */
  makeProblems(dir: Place, name: string): Problems {
    const problems: Problems = [];
    if (name === "" || name === "." || name === ".." || name.includes("/")) problems.push("EINVAL");
    if (dir.file.kind !== "dir") problems.push("ENOTDIR");
    if (dir.isRemoved) problems.push("ENOENT");
    if (dir.file.children.has(name)) problems.push("EEXIST");
    return problems;
  }

  make(dir: Place, name: string, kind: Kind, mode: number, target = ""): Place {
    return this.#put(dir, name, this.#file(kind, mode, target));
  }

  link(file: ModelFile, dir: Place, name: string): Place {
    return this.#put(dir, name, file);
  }

  #put(dir: Place, name: string, file: ModelFile): Place {
    const place = { name, parent: dir, file, isRemoved: false };
    dir.file.children.set(name, place);
    file.names++;
    file.touches++;
    this.size++;
    return place;
  }

  removeProblems(place: Place): Problems {
    const problems: Problems = [];
    if (!place.parent) problems.push("EBUSY");
    if (place.isRemoved) problems.push("ENOENT");
    if (place.file.children.size > 0) problems.push("ENOTEMPTY");
    return problems;
  }

  remove(place: Place): void {
    place.parent!.file.children.delete(place.name);
    place.isRemoved = true;
    place.file.names--;
    place.file.touches++;
    this.size--;
  }

  renameProblems(place: Place, dir: Place, name: string): Problems {
    const problems: Problems = [];
    if (name === "" || name === "." || name === ".." || name.includes("/")) problems.push("EINVAL");
    if (!place.parent) problems.push("EBUSY");
    if (place.isRemoved || dir.isRemoved) problems.push("ENOENT");
    if (dir.file.kind !== "dir") problems.push("ENOTDIR");
    for (let at: Place | undefined = dir; at; at = at.parent) if (at === place) problems.push("EINVAL");
    const onto = dir.file.children.get(name);
    if (!onto || onto.file === place.file) return problems;
    const [from, to] = [place.file.kind === "dir", onto.file.kind === "dir"];
    if (to && !from) problems.push("EISDIR");
    if (from && !to) problems.push("ENOTDIR");
    if (onto.file.children.size > 0) problems.push("ENOTEMPTY");
    return problems;
  }

  rename(place: Place, dir: Place, name: string): void {
    const onto = dir.file.children.get(name);
    // rename(2): two names of one file stay as they are.
    if (onto?.file === place.file) return;
    if (onto) this.remove(onto);
    place.parent!.file.children.delete(place.name);
    place.parent = dir;
    place.name = name;
    place.file.touches++;
    dir.file.children.set(name, place);
  }

  read({ data }: ModelFile, offset: number, count: number): Uint8Array {
    return data.slice(offset, offset + count);
  }

  write(file: ModelFile, offset: number, bytes: Uint8Array): void {
    if (bytes.byteLength > 0 && offset + bytes.byteLength > file.data.byteLength) {
      const longer = new Uint8Array(offset + bytes.byteLength);
      longer.set(file.data);
      file.data = longer;
    }
    if (bytes.byteLength > 0) file.data.set(bytes, offset);
    file.changes++;
  }

  truncate(file: ModelFile, size: number): void {
    file.touches++;
    if (size === file.data.byteLength) return;
    const other = new Uint8Array(size);
    other.set(file.data.subarray(0, size));
    file.data = other;
    file.changes++;
  }

  /** Every place below a directory, by its path. */
  *below(dir: Place, path = ""): Generator<[string, Place]> {
    for (const [name, place] of dir.file.children) {
      yield [`${path}/${name}`, place];
      yield* this.below(place, `${path}/${name}`);
    }
  }
}
