/** The reference page's only asset. System fonts; light or dark as the reader's system is. */
export const REFERENCE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#fbfaf8, #14171a);
  --panel: light-dark(#ffffff, #1c2024);
  --ink: light-dark(#1d2327, #e4e7ea);
  --quiet: light-dark(#5b6670, #9aa5af);
  --line: light-dark(#e2dfd9, #30363c);
  --accent: light-dark(#0b6b62, #58c7ba);
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: break-word;
}
header, main, footer { max-width: 54rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2.5rem; }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -0.01em; }
h2 { margin: 2.5rem 0 0.75rem; font-size: 1.2rem; }
h3 { margin: 1.1rem 0 0.35rem; font-size: 0.95rem; }
p { margin: 0.4rem 0; }
a { color: var(--accent); }
.quiet { color: var(--quiet); }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.1rem; padding: 0; margin: 1rem 0 0; list-style: none; }
details.route { background: var(--panel); border: 1px solid var(--line); border-radius: 0.5rem; margin: 0.5rem 0; }
details.route > summary {
  padding: 0.65rem 0.9rem; cursor: pointer; display: grid; grid-template-columns: 4.2rem 1fr auto;
  gap: 0 0.75rem; align-items: baseline; list-style: none;
}
details.route > summary::-webkit-details-marker { display: none; }
details.route > summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 0.5rem; }
details.route[open] > summary { border-bottom: 1px solid var(--line); }
.method { font: 600 0.8rem ui-monospace, monospace; color: var(--accent); }
.path { font: 0.95rem ui-monospace, monospace; }
.summary { grid-column: 2 / -1; color: var(--quiet); font-size: 0.92rem; }
.policy { font-size: 0.78rem; color: var(--quiet); border: 1px solid var(--line); border-radius: 1rem; padding: 0.05rem 0.6rem; white-space: nowrap; }
.detail { padding: 0.25rem 0.9rem 1rem; }
.fields { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.75rem 0.35rem 0; border-top: 1px solid var(--line); }
th { font-weight: 600; color: var(--quiet); border-top: 0; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.86rem; }
pre {
  margin: 0.4rem 0; padding: 0.75rem 0.9rem; overflow-x: auto; background: var(--ground);
  border: 1px solid var(--line); border-radius: 0.4rem;
}
footer { padding-top: 2rem; padding-bottom: 3rem; color: var(--quiet); font-size: 0.9rem; }
@media (max-width: 34rem) {
  details.route > summary { grid-template-columns: 3.6rem 1fr; }
  .policy { grid-column: 2; justify-self: start; margin-top: 0.25rem; }
  .summary { grid-column: 2; }
}
`;
