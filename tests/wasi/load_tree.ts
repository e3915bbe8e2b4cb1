import { type Call, type FileServer, NineError, O, S } from "../../9p/mod.ts";

function now<T>(answer: T | Promise<T>): T {
  if (answer instanceof Promise) throw new NineError("EINVAL", "The server answers later");
  return answer;
}

/** Copies what is in a folder of this machine below a node of a server that answers at once. */
export function loadTree(server: FileServer, node: unknown, folder: string, call: Call): void {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    const uid = call.user.name;
    if (isDirectory) {
      loadTree(server, now(server.make!(node, name, { mode: S.IFDIR | 0o755, uid }, call)), path, call);
      continue;
    }
    const made = now(server.create!(node, name, { mode: S.IFREG | 0o644, uid }, O.RDWR, call));
    now(server.write!(made.node, made.handle, 0, Deno.readFileSync(path), call));
    if (server.close) now(server.close(made.node, made.handle, call));
  }
}
