// Reads requests as JSON from standard input, evaluates each with @cloud-copilot/iam-simulate, and writes its
// answers as JSON: Allowed, ImplicitlyDenied, ExplicitlyDenied, or what the evaluator does not accept.
// Usage: node iam_simulate.mjs FOLDER_OF_THE_PACKAGE
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const { runSimulation } = await import(pathToFileURL(`${process.argv[2]}/dist/esm/index.js`))
const { account, policies, requests } = JSON.parse(readFileSync(0, 'utf8'))

// A key's own policy decides with IAM's: the one that AWS gives a key leaves it to the account's policies.
const keyPolicy = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' },
  ],
}

const answers = []
for (const { role, action, resource, context } of requests) {
  const found = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${account}:role/${role}`,
        action,
        resource: { resource, accountId: account },
        contextVariables: context,
      },
      ...(action.startsWith('kms:') ? { resourcePolicy: keyPolicy } : {}),
      identityPolicies: [{ name: role, policy: policies[role] }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  )
  answers.push(found.resultType === 'error' ? JSON.stringify(found.errors) : found.overallResult)
}
process.stdout.write(JSON.stringify(answers))
