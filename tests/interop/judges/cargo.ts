/** Independent judges that crates.io has: built once by cargo into the cache, never into anyone's home. */
import { mustRun, which } from "../command.ts";
import { cacheFolder, madeOnce } from "../guest/cache.ts";

/** Exact versions, so that figures of two days can be compared. */
const VERSIONS = { fsx: "0.3.2", pjdfstest: "0.2.2" } as const;

export type Judge = keyof typeof VERSIONS;

const BUILD_MS_MAX = 900_000;

export function cargoMissing(): string | undefined {
  return which("cargo") === undefined ? "needs cargo to build it" : undefined;
}

/** The judge's program, built when this is the first time. */
export async function judgeProgram(judge: Judge): Promise<string> {
  const version = VERSIONS[judge];
  const folder = await madeOnce(`${cacheFolder("judges")}/${judge}-${version}`, async (temporary) => {
    await mustRun("cargo", ["install", "-q", "--locked", "--root", temporary, `${judge}@${version}`], {
      timeoutMs: BUILD_MS_MAX,
    });
  });
  return `${folder}/bin/${judge}`;
}
