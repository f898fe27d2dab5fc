/** Models that are gone, and what to call instead (B45). */
const SUCCESSORS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "anthropic/claude-2": "anthropic/claude-haiku-4.5",
    "anthropic/claude-2.1": "anthropic/claude-haiku-4.5",
    "anthropic/claude-instant-1.2": "anthropic/claude-haiku-4.5",
    "google/gemini-1.5-flash": "google/gemini-2.5-flash",
    "google/gemini-1.5-pro": "google/gemini-2.5-pro",
    "openai/gpt-4-32k": "openai/gpt-4o",
    "openai/text-davinci-003": "openai/gpt-4o-mini",
  }),
);

/** What goes on in the place of a retired model, by its lower-case name; undefined for any other. */
export function successorOf(lower: string): string | undefined {
  return SUCCESSORS.get(lower) ?? SUCCESSORS.get(`${vendorOfBare(lower)}/${lower}`);
}

/** The vendor that a retired bare name belonged to. */
function vendorOfBare(name: string): string {
  if (name.startsWith("claude")) return "anthropic";
  return name.startsWith("gemini") ? "google" : "openai";
}
