#!/usr/bin/env node
// Write contracts/abi/*.json from a fresh build, or with --check compare them with it.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CONTRACTS = [
  'MarkOracle',
  'ChainlinkAdapter',
  'Erc7412Adapter',
  'PythAdapter',
  'RiskParameters',
  'Vault',
  'PerpEngine',
  'Orders',
  'Liquidator',
  'LiquidityPool',
  'PlumbToken',
  'PlumbGovernor',
  'Timelock',
  'Guardian',
  'ListingGate',
  'DecisionOutbox',
  'FarGovernor',
  'FarGuardian',
  'AttesterSet',
  'PoolActor',
  'TestToken',
];

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const check = process.argv.includes('--check');
const path = [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);

execFileSync('forge', ['build', '--skip', 'test', '--quiet'], {
  cwd: root,
  env: { ...process.env, PATH: path },
  stdio: 'inherit',
});
const compiler = createRequire(import.meta.url)('solc/package.json').version;

const stale = CONTRACTS.filter((name) => {
  const file = join(root, '..', 'abi', `${name}.json`);
  const artifact = JSON.parse(readFileSync(join(root, 'out', `${name}.sol`, `${name}.json`)));
  const { object, immutableReferences = {} } = artifact.deployedBytecode;
  const exported = {
    abi: artifact.abi,
    bytecode: artifact.bytecode.object,
    compiler: `solc ${compiler}`,
    deployedBytecode: object,
    // Where the constructor writes: a comparison of deployed code leaves these out.
    immutables: Object.values(immutableReferences).flat(),
  };
  const text = `${JSON.stringify(exported, null, 1)}\n`;
  if (!check) writeFileSync(file, text);
  return check && text !== read(file);
});
if (stale.length > 0) {
  console.error(`contracts/abi is not what a fresh build gives: ${stale.join(', ')}.`);
  console.error('Run contracts/evm/script/export-abi.mjs and commit the result.');
  process.exitCode = 1;
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}
