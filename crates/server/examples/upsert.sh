#!/bin/sh
# Upserts a product and photos of it, with curl. A product of the index gets more photos; with an id alone,
# it keeps its card.
#
#   sh upsert.sh '{"id": "oak-chair", "name": "Oak chair", "price": 129000}' 1.jpg 2.jpg
#
# LOOKALIKE_SERVER is the server's address, LOOKALIKE_ADMIN_TOKEN its admin token.
set -eu
server=${LOOKALIKE_SERVER:-http://127.0.0.1:8080}
product=$1
shift
# The photos become a field `photo` each.
for photo; do
    set -- "$@" --form "photo=@$photo"
    shift
done
curl --fail-with-body --silent --show-error \
    --header "Authorization: Bearer $LOOKALIKE_ADMIN_TOKEN" \
    --form-string "product=$product" "$@" "$server/v1/admin/upsert"
echo
