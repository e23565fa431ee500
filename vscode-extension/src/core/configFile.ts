// What "Open Config" writes where there is no config yet. Everything is a comment, so that the new file changes nothing.

export const configNames = ['config.yaml', 'config.yml', 'config.json'];

export const configTemplate = `# What inpod should know about this project's cluster sessions. Every key may be left out; a launch
# configuration's "cluster": {…} takes the same keys and wins. Remove a "#" to use a line.

# What to run in: deployment/NAME, pod/NAME, statefulset/NAME, service/NAME, label:KEY=VALUE, …
# target: deployment/checkout
# namespace: shop
# context: staging

# mirror: the program gets a copy of the pod's requests and the pod answers.
# steal: the program answers instead of the pod.
# incoming:
#   mode: steal
#   ports: [8080]
#   map: {3000: 80}          # the program's port: the pod's port

# Files are the pod's, read-only, but for the program, its libraries and your home directory.
# files:
#   local: [/opt/tools/**]
#   write: [/var/lib/app/**]

# The pod's variables, with changes.
# environment:
#   exclude: ["*_TOKEN"]
#   set: {LOG_LEVEL: debug}

# Connections leave from the pod, but for these.
# outgoing:
#   local: [10.8.0.0/16]

# How long the agent waits in the cluster for the next launch.
# agent:
#   lease_seconds: 300
`;
