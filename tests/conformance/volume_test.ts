import { conformance } from "./steps.ts";
import { startVolume } from "./subjects/volume.ts";

conformance("volume", startVolume);
