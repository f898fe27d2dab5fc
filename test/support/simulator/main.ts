import { startSimulator } from "./start-simulator.ts";

/** `npm run simulator`: serves until it is stopped; PORT chooses the port, otherwise any free one. */
const simulator = await startSimulator({ port: Number(process.env["PORT"] ?? 0) });
const variables = simulator.environment(["openai", "anthropic", "google-ai-studio", "openrouter", "groq"]);

console.log(`Provider simulator on ${simulator.url}

OpenAI     ${simulator.openAiBaseUrl}
Anthropic  ${simulator.anthropicBaseUrl}
Gemini     ${simulator.geminiBaseUrl}

A gateway uses it with:

${Object.entries(variables)
  .map(([name, value]) => `export ${name}=${value}`)
  .join("\n")}
npm start

A fault for the next request to OpenAI:

curl ${simulator.url}/__faults -d '{"provider":"openai","behaviour":{"status":503}}'
`);
