/** The Go modules: a module of their own each, with go.sum. */
import { join } from "node:path";
import { licenceTexts, type Linked } from "./notice.ts";
import { type Place, requireTools, run } from "./place.ts";

/** What may be set on a machine and would change the result is set here. */
const ENVIRONMENT = {
  GOOS: "wasip1",
  GOARCH: "wasm",
  GOWASM: "",
  GOTOOLCHAIN: "local",
  GOWORK: "off",
  GOFLAGS: "",
  GOEXPERIMENT: "",
  CGO_ENABLED: "0",
};

export async function buildGo(names: readonly string[], place: Place): Promise<readonly string[]> {
  await requireTools("go", place.gallery);
  const modules: string[] = [];
  for (const name of names) {
    const module = join(place.work, `${name}.wasm`);
    const flags = ["-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-s -w -buildid="];
    await run(["go", "build", ...flags, "-o", module, "."], join(place.gallery, name), ENVIRONMENT);
    modules.push(module);
  }
  return modules;
}

export async function noticesOfGo(name: string, place: Place): Promise<readonly Linked[]> {
  const folder = join(place.gallery, name);
  const format = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}";
  const lines = (await run(["go", "list", "-deps", "-f", format, "."], folder, ENVIRONMENT)).split("\n");
  const linked = await Promise.all(
    [...new Set(lines)].filter(Boolean).map(async (line) => {
      const [path, version, folder] = line.split("\t");
      return { name: path, version, licence: "as below", texts: await licenceTexts(folder, "", []) };
    }),
  );
  const [goroot, version] = (await run(["go", "env", "GOROOT", "GOVERSION"], folder, ENVIRONMENT)).trim()
    .split("\n");
  const texts = await licenceTexts(goroot, "", []);
  return [...linked, { name: "The Go standard library", version, licence: "BSD-3-Clause", texts }];
}
