/** A part as its head has it. */
export interface PartHead {
  readonly name: string;
  /** Null for a field. */
  readonly filename: string | null;
  /** Null where none was stated that could stand in a header. */
  readonly contentType: string | null;
}

const SAFE_TYPE = /^[\w.+-]{1,64}\/[\w.+-]{1,64}$/;
const PARAMETER = /;\s*([\w*]+)\s*=\s*(?:"((?:[^"\\]|\\[\s\S])*)"|([^\s;"]+))/g;

/** A part's head, its lines joined by CRLF (RFC 7578, section 4); null for one that names no field. */
export function parsePartHead(text: string): PartHead | null {
  let disposition = "";
  let contentType: string | null = null;
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    const value = line.slice(colon + 1).trim();
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
    if (name === "content-disposition") disposition = value;
    else if (name === "content-type") contentType = value.split(";")[0]?.trim() ?? null;
  }
  if (!/^form-data\s*(?:;|$)/i.test(disposition)) return null;
  const parameters = new Map<string, string>();
  for (const [, name = "", quoted, bare = ""] of disposition.matchAll(PARAMETER)) {
    // curl escapes quotes with a backslash, browsers with a percent sign; a backslash elsewhere stands for itself.
    parameters.set(name.toLowerCase(), quoted === undefined ? bare : quoted.replace(/\\(["\\])/g, "$1"));
  }
  const name = parameters.get("name");
  if (name === undefined) return null;
  return {
    name,
    filename: parameters.get("filename") ?? parameters.get("filename*") ?? null,
    contentType: contentType !== null && SAFE_TYPE.test(contentType) ? contentType : null,
  };
}

/** The head as we send it. */
export function writePartHead({ name, filename, contentType }: PartHead): string {
  const file = filename === null ? "" : `; filename="${escaped(filename)}"`;
  const type = filename === null ? "" : `\r\ncontent-type: ${contentType ?? "application/octet-stream"}`;
  return `content-disposition: form-data; name="${escaped(name)}"${file}${type}`;
}

/** As browsers write names (WHATWG HTML, multipart/form-data encoding algorithm). */
function escaped(name: string): string {
  return name.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
}
