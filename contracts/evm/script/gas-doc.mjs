#!/usr/bin/env node
// Write docs/gas.md from contracts/gas.json, or with --check compare them.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const contracts = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const file = join(contracts, '..', 'docs', 'gas.md');
const gas = JSON.parse(readFileSync(join(contracts, 'gas.json')));
const number = (value) => Math.round(value).toLocaleString('en-US');

function update(name, label, markets, limit) {
  const used = gas[`update_${name}`];
  const bytes = gas[`bytes_${name}`];
  const cells = [label, markets, number(used), number(used / markets), limit];
  return [...cells, bytes ? number(bytes) : '', bytes ? (bytes / markets).toFixed(1) : ''];
}

const table = (rows) => rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const one = gas.update_5of7_1group;

const page = `# Gas

Generated from [\`contracts/gas.json\`](../contracts/gas.json) by \`make contracts\`; \`make check\` and
\`forge test\` hold both to the contracts, and fail on a rise of more than 1 %. Measured by forge
(\`contracts/evm/test/Gas.t.sol\`), Cancun rules, solc 0.8.30 by its IR pipeline.

## Updates

Whole transactions: 21,000, calldata at 4 and 16 gas a byte, and execution. Groups are stored
already (not zero) but cold, as in a block's first use; every price moves by less than 1 %; the first
members sign, but where the last are said to.

| transaction | markets | gas | a market | limit | bytes of calldata | a market |
|---|---|---|---|---|---|---|
${table([
  update('5of7_1group', '5 of 7, one group', 4, '60,000'),
  update('5of7_1group_1market', '5 of 7, one group, one market used', 1, '60,000'),
  update('5of7_32', '5 of 7, 8 groups', 32, '3,400 a market'),
  update('5of7_100', '5 of 7, 25 groups', 100, '2,300 a market'),
  update('5of7_1group_of_25', '5 of 7, one group of 25, with siblings', 4, ''),
  update('13of19_1group', '13 of 19, one group', 4, ''),
  update('5of7_1group_last', '5 of 7, the last five of the list', 4, '60,000'),
  update('13of19_1group_last', '13 of 19, the last thirteen', 4, ''),
  update('older_noop', 'nothing newer: one group', 4, ''),
  update('older_noop_100', 'nothing newer: 25 groups', 100, ''),
])}

Where an L2's data fee rules, the bytes do: a signature takes 64, a group 39, all else 53, and the
call's own encoding 68 to 99.

### Off the fast path

That is for groups whose prices all move by less than 1/64 since the one stored. Any other word costs the
exact rules of each entry; a move beyond 1/64 two cold slots besides (the market's rule and the default);
a lost price or a held jump a slot that is written for the first time, or again.

| 5 of 7, one group | gas | against the fast path |
|---|---|---|
${table([
  ['all four prices move by 5 %, within the bound', 'moved'],
  ['one jumps beyond the bound and is held', 'jump_held'],
  ['all four do', 'jumps'],
  ['the jump is promoted', 'jump_promoted'],
  ['one market loses its price', 'lost_price'],
  ['all four do', 'all_lost'],
  ['all four stay HALTED', 'halted'],
  ['all four have a price again', 'recovered'],
  ['signed in the epoch before, after a number was bound', 'outdated'],
].map(([label, name]) => [label, gas[`update_5of7_1group_${name}`]])
  .map(([label, used]) => [label, number(used), `+ ${number(used - one)}`]))}

## Without storing, and reading

| call | gas | |
|---|---|---|
${table([
  ['`verify`, one group', number(gas.verify_5of7_1group), 'whole transaction'],
  ['`verify`, one group of 25', number(gas.verify_5of7_1group_of_25), 'whole transaction'],
  ['`usablePrice`', number(gas.read_cold), 'the call itself, its slot cold, above the cold access of the account (2,600); limit 3,000'],
  ['`priceNoOlderNorWorse`', number(gas.read_price_cold), 'the same, with the least validity as an argument'],
  ['`readMark`', number(gas.read_mark_cold), 'the same, every field'],
  ['`ChainlinkAdapter.latestRoundData`', number(gas.read_chainlink_cold), 'the same, above the adapter\'s account; 2,600 of it is the oracle\'s'],
  ['`PythAdapter.getPriceNoOlderThan`', number(gas.read_pyth_cold), 'the same'],
  ['`Erc7412Adapter.price`', number(gas.read_erc7412_cold), 'the same'],
])}

## Perp contracts

Whole transactions (\`contracts/evm/test/perp/PerpGas.t.sol\`) of an account with a position in each of two
markets, cash and two further collaterals; refunds taken off. Reports are of 5 of 7: settling verifies one, liquidating
stores one. GMX v2 sets aside 3,900,000 for an order and 250,000 for each of its prices.

| transaction | gas | target |
|---|---|---|
${table([
  ['commit an order', 'perp_commit', ''],
  ['commit one that only reduces', 'perp_commit_reduce', ''],
  ['settle an order, with its report', 'perp_settle', '250,000'],
  ['settle one that reduces', 'perp_settle_reduce', '250,000'],
  ['each further position', 'perp_settle_per_position', ''],
  ['each further collateral', 'perp_settle_per_collateral', ''],
  ['liquidate, with the newest report', 'perp_liquidate', '220,000'],
  ['deposit', 'perp_deposit', ''],
  ['withdraw cash', 'perp_withdraw', ''],
  ['withdraw a collateral', 'perp_withdraw_collateral', ''],
  ['accrue funding', 'perp_funding', ''],
].map(([label, name, target]) => [label, number(gas[name]), target]))}

## Others

From their repositories' and documents' own figures, for one feed:

| oracle | gas | against our group of four markets |
|---|---|---|
${table([
  ['Plumbline, 5 of 7', number(one), `1.00 (${number(one / 4)} a market)`],
  ...[
    ['Chronicle Scribe `poke`, bar 5', 81_025],
    ['Chronicle Scribe `opPoke`, with a challenge period', 68_944],
    ['Pyth, first feed (each further about 33,000)', 259_000],
  ].map(([name, used]) => [name, number(used), (used / one).toFixed(2)]),
])}

RedStone verifies 3 signers without storage in about 33,000; \`verify\` checks 5 in
${number(gas.verify_5of7_1group)}, which is a whole transaction with its 21,000 and calldata.
`;

if (!process.argv.includes('--check')) {
  writeFileSync(file, page);
} else if (readFileSync(file, 'utf8') !== page) {
  console.error('docs/gas.md is not what contracts/gas.json gives: run `make contracts`.');
  process.exitCode = 1;
}
