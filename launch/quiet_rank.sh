# Runs a command on one rank: `sh quiet_rank.sh FOLDER COMMAND...`. Ranks other than 0 write to FOLDER/rank-N,
# which is removed again when the command succeeds.
log=$1/rank-${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}
shift
case $log in
*/rank-0) exec "$@" ;;
esac
"$@" >"$log" 2>&1 && rm -f "$log"
