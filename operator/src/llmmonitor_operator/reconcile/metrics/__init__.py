"""What Prometheus and the kubelet see of the operator."""
