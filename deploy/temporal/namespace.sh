# The namespace TEMPORAL_NAMESPACE, made if it is not there. What ended is kept in Temporal for 90 days; the ledger keeps
# it for good. `promisekeeper setup` registers the rest.
set -eu
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" ||
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 90d
