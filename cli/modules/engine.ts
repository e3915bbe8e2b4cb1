import { join } from "node:path";
import { WasmEngine } from "../../translators/engine/mod.ts";

/** An engine of this process, with the compiled modules that it and the home's node share. */
export function localEngine(home: string, workersMax?: number): WasmEngine {
  return new WasmEngine({
    folder: join(home, "cache", "compiled"),
    ...(workersMax === undefined ? {} : { workersMax }),
  });
}

/**
 * A folder for this process, gone with the value. What a process that was killed has left goes as well. In the home, as
 * what is temporary elsewhere is often memory.
 */
export async function runFolder(home: string): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = join(home, "cache", "runs");
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  for await (const { name } of Deno.readDir(folder)) {
    const pid = /^(\d+)\./.exec(name)?.[1];
    if (pid === undefined || await isThere(`/proc/${pid}`)) continue;
    await Deno.remove(join(folder, name), { recursive: true }).catch(() => {});
  }
  const path = await Deno.makeTempDir({ dir: folder, prefix: `${Deno.pid}.` });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
