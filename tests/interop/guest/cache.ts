/** Where the guest keeps what is slow to make: the kernel, the base archive, the built tools. */

/** The project's root, whatever folder the test was started from. */
export const PROJECT_ROOT = new URL("../../../", import.meta.url).pathname.replace(/\/$/, "");

/** A folder that survives this run. `.lux9/` is ignored by git and holds whatever the launcher installed. */
export function cacheFolder(...names: string[]): string {
  const folder = [PROJECT_ROOT, ".lux9", "cache", ...names].join("/");
  Deno.mkdirSync(folder, { recursive: true });
  return folder;
}

export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Makes a folder or file once: `make` gets a temporary path, which is renamed when it is complete, so that an
 * interrupted run leaves nothing that looks finished and two runs at once do not meet.
 */
export async function madeOnce(path: string, make: (temporary: string) => Promise<void>): Promise<string> {
  if (exists(path)) return path;
  const temporary = `${path}.${Deno.pid}.partial`;
  try {
    await make(temporary);
    await Deno.rename(temporary, path).catch((error) => {
      // Another run was first; its result is as good.
      if (!exists(path)) throw error;
    });
  } finally {
    await Deno.remove(temporary, { recursive: true }).catch(() => undefined);
  }
  return path;
}
