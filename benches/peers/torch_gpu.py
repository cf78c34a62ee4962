"""Photos per second that PyTorch embeds on an NVIDIA GPU: the peer of benches/gpu.rs.

    python benches/peers/torch_gpu.py

Needs torch, torchvision and timm. The networks have random weights, which do not change the speed, and no classifiers.
Batches are in GPU memory and embeddings are copied back, as there. "eager" is PyTorch's default with TF32 allowed;
"best" is channels_last, bf16 and a CUDA graph.
"""

import json
import time

import timm
import torch
import torchvision

torch.backends.cuda.matmul.allow_tf32 = True
torch.backends.cudnn.allow_tf32 = True
torch.backends.cudnn.benchmark = True


def networks():
    mobilenet = timm.create_model("mobilenetv3_large_100", num_classes=0)
    resnet = torchvision.models.resnet50()
    resnet.fc = torch.nn.Identity()
    vgg = torchvision.models.vgg19().features
    vgg = torch.nn.Sequential(vgg, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    return {"mobilenet_v3": mobilenet, "resnet50": resnet, "vgg19": vgg}


def rate(run, batch):
    """Photos per second, the best of five rounds of a fifth of a second each."""
    for _ in range(3):
        run()
    best = 0.0
    for _ in range(5):
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < 0.2:
            run()
            count += 1
        best = max(best, batch * count / (time.perf_counter() - start))
    return best


@torch.inference_mode()
def measure(name, network, batch):
    x = torch.rand(batch, 3, 224, 224, device="cuda") * 2 - 1
    network = network.eval().cuda()
    eager = rate(lambda: network(x).cpu(), batch)
    network, x = network.to(memory_format=torch.channels_last, dtype=torch.bfloat16), x.bfloat16()
    x = x.to(memory_format=torch.channels_last)
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            network(x)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = network(x)

    def replay():
        graph.replay()
        return out.float().cpu()

    best = rate(replay, batch)
    network.float()
    found = {"network": name, "batch": batch, "eager_tf32": round(eager), "best_bf16": round(best)}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    print(json.dumps({"torch": torch.__version__, "gpu": torch.cuda.get_device_name()}))
    for name, network in networks().items():
        for batch in (1, 32, 256):
            measure(name, network.to(memory_format=torch.contiguous_format), batch)
