#!/usr/bin/env node
// The Solidity compiler from npm, with the command line forge expects of a native solc.
'use strict';

if (process.argv.includes('--version')) {
  const version = require('solc/package.json').version;
  const commit = require('solc').version().match(/\+commit\.[0-9a-f]+/)[0];
  process.stdout.write(
    `solc, the solidity compiler commandline interface\nVersion: ${version}${commit}.Linux.clang\n`,
  );
} else {
  // Standard JSON in, standard JSON out; forge puts every source into the input, so the path
  // arguments it passes along mean nothing here.
  const output = require('solc').compile(require('fs').readFileSync(0, 'utf8'));
  process.stdout.write(output);
}
