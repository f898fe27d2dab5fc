import type { ParsedCall } from "../../protocol/client-format.ts";
import type { Candidate } from "../candidate.ts";
import type { RoutingPreferences } from "../routing-preferences.ts";

/** A filter to which the preferences are all of the call: one for chats and tasks alike. */
export type PreferenceFilter = (candidate: Candidate, preferences: RoutingPreferences) => string | null;

/**
 * One preference held against one candidate: the name of the preference that speaks against it (`provider.only`), or
 * null. Pure, and silent where the call asks for nothing.
 */
export type CandidateFilter = (
  candidate: Candidate,
  preferences: RoutingPreferences,
  call: ParsedCall,
) => string | null;
