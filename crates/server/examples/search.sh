#!/bin/sh
# Searches for the products most similar to a photo, with curl.
#
#   sh search.sh photo.jpg [http://127.0.0.1:8080]
#
# LOOKALIKE_TOKEN is the read token, if the server needs one.
set -eu
photo=$1
server=${2:-http://127.0.0.1:8080}
token=${LOOKALIKE_TOKEN:-none}

# One photo: its bytes are the body.
curl --fail-with-body --silent --show-error \
    --header "Authorization: Bearer $token" \
    --data-binary "@$photo" "$server/v1/similar?top=3"
echo

# Several photos of one object: the fields of a form.
curl --fail-with-body --silent --show-error \
    --header "Authorization: Bearer $token" \
    --form "photo=@$photo" --form "photo=@$photo" "$server/v1/similar?top=3"
echo
