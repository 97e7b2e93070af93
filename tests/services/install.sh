#!/usr/bin/env bash
# Real parts for the tests, from Debian's packages and, for LocalStack, from the package index. Installs only
# what is missing. LocalStack needs other versions of libraries than we do: it gets an environment of its own,
# outside the repository.
set -euo pipefail
packages=(
  make git
  postgresql
  gir1.2-gst-rtsp-server-1.0 python3-gi
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad glib-networking
  chromium fonts-noto-cjk poppler-utils poppler-data
  ffmpeg
  radosgw ceph-mon ceph-osd ceph-common
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing for the tests: ${missing[*]}"
  sudo=""; [ "$(id -u)" -eq 0 ] || sudo="sudo"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# The same folder and version as tests/services/localstack.py, which looks there.
localstack="${XDG_CACHE_HOME:-$HOME/.cache}/rollcall-tests/localstack-4.13.1"
if [ ! -e "$localstack/.installed" ]; then
  echo "Installing for the tests: LocalStack"
  rm -rf "$localstack"
  "${PYTHON:-python3}" -m venv "$localstack"
  "$localstack/bin/python" -m pip --disable-pip-version-check -q install \
    "localstack-core[base-runtime]==4.13.1" cbor2==5.8.0 pyopenssl==25.1.0 cryptography==45.0.7
  touch "$localstack/.installed"
fi
