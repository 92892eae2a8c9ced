"""How does the page look? One style sheet for light and dark, for a phone and a wide screen.

Text has a contrast of 4.5 or more on its background, what is drawn 3 or more.
"""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --paper: #ffffff; --raised: #f5f7f9; --ink: #1b1f24;
  --soft: #57606a; --line: #d0d7de; --link: #0b57d0; --bad: #b3261e; --good: #176f2c;
  --m0: #1f6feb; --m1: #b35900; --m2: #1a7f37; --m3: #8250df; --m4: #bf3989; --m5: #0e7490;
  --mo: #6e7781; --mi: #8c7853; --heat: 31 111 235; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --raised: #1d2126; --ink: #e6e9ed;
  --soft: #a1abb7; --line: #39414a; --link: #8ab4f8; --bad: #ff9a91; --good: #6bcf7f;
  --m0: #58a6ff; --m1: #f0883e; --m2: #3fb950; --m3: #bc8cff; --m4: #f778ba; --m5: #39c5cf;
  --mo: #8b949e; --mi: #c2a878; --heat: 88 166 255; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .75rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; } h2 .soft, h3 .soft { font-weight: 400; }
p { margin: .5rem 0; } a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.soft { color: var(--soft); } .bad { color: var(--bad); } .good { color: var(--good); }
.soft, .legend, .axis, .dates, caption, th, td, dt { font-size: .875rem; }
.heard { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
.note { border-left: 4px solid var(--bad); background: var(--raised); padding: .5rem .75rem; }
.tiles { display: grid; grid-template-columns: repeat(10, 1fr); gap: .6rem; margin: 0; }
.tile { background: var(--raised); border: 1px solid var(--line); border-radius: .5rem;
  padding: .6rem .8rem; min-width: 0; grid-column: span 2; }
.tokens, .cost { grid-column: span 5; }
dt { color: var(--soft); } dd { margin: 0; }
.tile dd { line-height: 1.35; } .tile dt + dd { font-size: 1.5rem; font-weight: 600; }
.facts { display: grid; gap: .15rem; margin: 0; }
.facts > div { display: grid; grid-template-columns: 12rem 1fr; gap: .75rem; }
figure { margin: 0 0 1.5rem; } figcaption { font-weight: 600; margin-bottom: .5rem; }
.plot { display: flex; gap: .5rem; height: 11rem; }
.plot svg { flex: 1; min-width: 0; height: 100%; border-bottom: 1px solid var(--soft);
  background: linear-gradient(var(--line), var(--line)) 0 0 / 100% 1px no-repeat,
  linear-gradient(var(--line), var(--line)) 0 50% / 100% 1px no-repeat; }
.axis { display: flex; flex-direction: column; justify-content: space-between; width: 4.5rem;
  text-align: right; color: var(--soft); line-height: 1; }
.dates { display: flex; justify-content: space-between; padding-left: 5rem; color: var(--soft); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .15rem 1rem; padding: 0;
  margin: .5rem 0 0; }
.key { display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: 2px;
  vertical-align: -.05em; }
svg { display: block; } .column { fill: transparent; } g:hover .column { fill: var(--line); }
.m0 { fill: var(--m0); background: var(--m0); } .m1 { fill: var(--m1); background: var(--m1); }
.m2 { fill: var(--m2); background: var(--m2); } .m3 { fill: var(--m3); background: var(--m3); }
.m4 { fill: var(--m4); background: var(--m4); } .m5 { fill: var(--m5); background: var(--m5); }
.mo { fill: var(--mo); background: var(--mo); } .mi { fill: var(--mi); background: var(--mi); }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; }
caption { text-align: left; color: var(--soft); padding-bottom: .35rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0;
  border-bottom: 1px solid var(--line); font-weight: 400; }
thead th { font-weight: 600; } thead th, th time { white-space: nowrap; }
  .n { text-align: right; font-variant-numeric: tabular-nums; }
td.n { white-space: nowrap; } tr > :last-child { padding-right: 0; }
.reasons th[scope=row] { white-space: nowrap; }
.bars th[scope=row] { width: 38%; } .bars .n { width: 5rem; } .bars svg { width: 100%;
  height: 1.2em; }
.heat { table-layout: fixed; border-collapse: separate; border-spacing: 2px; }
.heat th, .heat td { padding: 0; border: 0; border-radius: 2px; height: 1.4rem; overflow: visible;
  white-space: nowrap; position: relative; font-size: .75rem; }
.heat tr > :first-child { width: 1.6rem; } .heat abbr { text-decoration: none; }
.heat td, .key[class*=h] { box-shadow: inset 0 0 0 1px var(--line); }
.heat .corner { box-shadow: none; }
.h1 { background: rgb(var(--heat) / .2); } .h2 { background: rgb(var(--heat) / .4); }
.h3 { background: rgb(var(--heat) / .6); } .h4 { background: rgb(var(--heat) / .8); }
.h5 { background: rgb(var(--heat)); }
.scroll { overflow-x: auto; } .scroll table { min-width: 42rem; }
summary { cursor: pointer; color: var(--link); padding: .25rem 0; width: fit-content; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
footer ul { padding-left: 1.25rem; margin: 0; }
@media (max-width: 40rem) { .facts > div { grid-template-columns: 1fr; gap: 0;
  padding-bottom: .4rem; } .plot { height: 8.5rem; } .axis { width: 3.6rem; }
  .dates { padding-left: 4.1rem; } .heat { border-spacing: 1px; }
  .tiles { grid-template-columns: repeat(6, 1fr); } .tokens, .cost { grid-column: span 6; }
  .lines, .commits { grid-column: span 3; } .tile { padding: .5rem .6rem; }
  .bars .n { width: 3.6rem; } }
@media (forced-colors: active) { rect, .key, .heat td { forced-color-adjust: none; } }
"""
