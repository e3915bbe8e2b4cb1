import { conformance } from "./steps.ts";
import { startHost } from "./subjects/host.ts";

conformance("host", startHost);
