/**
 * The translators that come with Lux9, and the golden cases that any translator is tested with.
 *
 * @module
 */
export { GALLERY, galleryFolder, type GalleryName } from "./gallery.ts";
export {
  argumentsOf,
  type Case,
  checkCase,
  type Given,
  loadCases,
  type ParameterDefault,
  type Run,
  type RunResult,
} from "./golden.ts";
