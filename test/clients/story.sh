# The story of a day with kubectl: `sh story.sh KUBECTL MINOR`, in a folder with the manifests and a kubeconfig named config.
# Prints every command, what it said, and its exit code unless that is 0. story.spec.ts compares that with golden/.
kubectl=$1
minor=$2

k() { "$kubectl" --kubeconfig=config --cache-dir=cache "$@" 2>&1; }
t() { printf '$ kubectl %s\n' "$*"; k "$@" || echo "(exit $?)"; }
since() { [ "$minor" -ge "$1" ]; }
# Waits until a file has so many lines: at most 20 s.
lines() { tries=0; until [ "$(wc -l < "$1")" -ge "$2" ] || [ "$tries" -ge 400 ]; do sleep 0.05; tries=$((tries + 1)); done; }

echo '# What is there'
t version
t api-resources
t api-versions
t get all
t get ip,servicecidr
t get ip -o wide
t cluster-info

echo '# Create and look'
t create -f web.yaml
t create -f web.yaml
t create -f typo.yaml
since 25 && t create -f typo.yaml --validate=warn --dry-run=server
t create -f typo.yaml --validate=false --dry-run=server
t get svc
t get svc web -o wide
t get svc web -o name
t get svc web -o 'jsonpath={.spec.clusterIPs}{"\n"}'
t get svc -A --show-labels
t get svc web missing
t get svc missing -n nowhere
since 21 && t get svc web -o yaml
since 21 && t get svc web -o json
t get svc --field-selector spec.type=ClusterIP -l app=web -o name
t get svc -o custom-columns=NAME:.metadata.name,FAMILIES:.spec.ipFamilies
t get ip
t describe svc web

echo '# Apply'
t delete svc web
k diff -f web.yaml > diff.out || echo "kubectl diff of a new Service: exit $?, it shows $(grep -c '^+  name: web$' diff.out) Service"
t apply -f web.yaml
t apply -f web.yaml
t diff -f web.yaml
if since 21; then t diff -f web-changed.yaml; fi
t apply -f web-changed.yaml --dry-run=server
t apply -f web-changed.yaml
t apply -f web-changed.yaml
t get svc web -o 'jsonpath={.spec.ports[*].port} {.metadata.labels}{"\n"}'
t apply view-last-applied svc/web

echo '# Edit, patch, label, annotate, set, expose'
EDITOR='sed -i s/8443/9443/' t edit svc web
EDITOR='true' t edit svc web
t patch svc web -p '{"spec":{"ports":[{"port":80,"name":"plain"}]}}'
t patch svc web --type=merge -p '{"spec":{"sessionAffinity":"ClientIP"}}'
t patch svc web --type=json -p '[{"op":"replace","path":"/spec/sessionAffinity","value":"None"}]'
t patch svc web --type=json -p '[{"op":"remove","path":"/spec/nothing"}]'
t patch svc web --type=merge -p '{"spec":{"clusterIP":"10.96.1.11","clusterIPs":["10.96.1.11"]}}'
ready='{"status":{"conditions":[{"type":"Ready","status":"True","reason":"Here","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}'
since 24 && t patch svc web --subresource=status --type=merge -p "$ready"
since 24 && t wait --for=condition=Ready svc/web --timeout=20s
t label svc web tier=back --overwrite
t label svc web tier-
t annotate svc web note='says who' --overwrite
t set selector svc web app=web,track=stable
t set selector svc web app=web --resource-version=1
t expose svc web --name=exposed --port=90
t get svc web -o 'jsonpath={.spec.ports}{.spec.selector}{.metadata.annotations.note}{"\n"}'

echo '# Watch and wait'
: > watch.out
"$kubectl" --kubeconfig=config --cache-dir=cache get svc web -w > watch.out 2>&1 & watch=$!
lines watch.out 2
k label svc web seen=yes > /dev/null
lines watch.out 3
k delete svc exposed > /dev/null
k label svc web seen- > /dev/null
lines watch.out 4
kill "$watch"
echo '$ kubectl get svc web -w'
cat watch.out
if since 23; then
  k wait --for=jsonpath='{.metadata.labels.ready}'=yes svc/web --timeout=20s > wait.out & wait=$!
  k label svc web ready=yes > /dev/null
  wait "$wait"
  echo '$ kubectl wait --for=jsonpath={.metadata.labels.ready}=yes svc/web'
  cat wait.out
fi
t wait --for=delete svc/missing --timeout=5s

echo '# Replace, lists, prune, server-side apply'
t replace -f web.yaml
t get svc web -o 'jsonpath={.spec.clusterIP} {.spec.ports[*].port}{"\n"}'
t replace --force -f web.yaml
t apply -f pair.yaml
t apply -f pair.yaml
t get -f pair.yaml
if since 26; then t apply -f half.yaml --prune -l set=pair --prune-allowlist=core/v1/Service; else t apply -f half.yaml --prune -l set=pair --prune-whitelist=core/v1/Service; fi
t apply --server-side -f server-side.yaml
t apply --server-side -f server-side.yaml
t apply --server-side --field-manager=other -f server-side-other.yaml
t apply --server-side --field-manager=other -f server-side-other.yaml --force-conflicts
t diff --server-side -f server-side.yaml > diff.out; grep 'app: \|conflict' diff.out
t get svc ssa

echo '# Create service, node ports, load balancers, external names'
t create service clusterip typed --tcp=80:8080 --clusterip=10.96.1.40
t create service clusterip headless --clusterip=None
t create service nodeport ports --tcp=80 --node-port=30123
t create service loadbalancer balanced --tcp=80:80 --dry-run=server
t create service externalname outside --external-name=db.example.com
t get svc -l 'app in (typed,headless,ports,outside)'
t create namespace somewhere

echo '# Who am I'
t auth can-i create services
since 28 && t auth whoami
since 26 && t events

echo '# Explain'
t explain service
t explain service.spec.ipFamilyPolicy
t explain service.spec.ports --recursive

echo '# Delete'
t delete svc web --dry-run=server
t delete svc one --wait=false
t delete svc missing
t delete svc missing --ignore-not-found
t delete -f web.yaml
t delete svc -l 'app in (typed,headless,ports,outside)'
t delete svc --all -n nowhere
t delete svc ssa
t get ip
t get svc
