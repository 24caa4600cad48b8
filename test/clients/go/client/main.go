// A day of a Go program: what client-go's newest release sends by default, against the server given as the argument.
// Prints a line per step; the first one that fails ends it with exit code 1.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

const namespace = "default"

var (
	ctx      = context.Background()
	services = schema.GroupVersionResource{Version: "v1", Resource: "services"}
)

// requests notes what was sent: the point of this program is what the defaults of the library are.
type requests struct {
	next http.RoundTripper
	mu   sync.Mutex
	seen []string
}

func (r *requests) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.seen = append(r.seen, fmt.Sprintf("%s %s %s", request.Method, request.Header.Get("Content-Type"), request.URL.RawQuery))
	r.mu.Unlock()
	return r.next.RoundTrip(request)
}

func (r *requests) sent(prefix, part string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.seen {
		if strings.HasPrefix(line, prefix) && strings.Contains(line, part) {
			return true
		}
	}
	return false
}

func check(step string, err error) {
	if err != nil {
		fmt.Printf("FAILED %s: %v\n", step, err)
		os.Exit(1)
	}
	fmt.Printf("ok %s\n", step)
}

func that(step string, ok bool, got any) {
	if ok {
		check(step, nil)
		return
	}
	text, _ := json.Marshal(got)
	check(step, fmt.Errorf("got %s", text))
}

func dualStack(name string, labels map[string]string) *corev1.Service {
	policy := corev1.IPFamilyPolicyRequireDualStack
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.ServiceSpec{IPFamilyPolicy: &policy, Ports: []corev1.ServicePort{{Port: 80}}, Selector: map[string]string{"app": name}},
	}
}

func main() {
	log := &requests{}
	config := &rest.Config{Host: os.Args[1], QPS: 1000, Burst: 1000, WrapTransport: func(next http.RoundTripper) http.RoundTripper {
		log.next = next
		return log
	}}
	client, err := kubernetes.NewForConfig(config)
	check("typed client", err)
	dynamicClient, err := dynamic.NewForConfig(config)
	check("dynamic client", err)
	serverVersion, err := client.Discovery().ServerVersion()
	check("version", err)
	that("version is of the reference", serverVersion.Minor == "37", serverVersion)
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	check("discovery", err)
	that("discovery lists services", listed(lists), lists)

	typed(client, log)
	patches(client)
	applies(client)
	untyped(dynamicClient)
	watches(client)
	informer(client, log)
}

// listed looks for Services in the lists of all groups, which come in any order.
func listed(lists []*metav1.APIResourceList) bool {
	for _, list := range lists {
		if list.GroupVersion != "v1" {
			continue
		}
		for _, resource := range list.APIResources {
			if resource.Name == "services" && resource.Kind == "Service" {
				return true
			}
		}
	}
	return false
}

func typed(client kubernetes.Interface, log *requests) {
	api := client.CoreV1().Services(namespace)
	created, err := api.Create(ctx, dualStack("typed", map[string]string{"day": "one"}), metav1.CreateOptions{})
	check("create", err)
	that("create was sent as protobuf", log.sent("POST application/vnd.kubernetes.protobuf", ""), log.seen)
	that("create has both families", len(created.Spec.ClusterIPs) == 2 && created.Spec.ClusterIP == created.Spec.ClusterIPs[0], created.Spec)
	_, err = api.Create(ctx, dualStack("typed", nil), metav1.CreateOptions{})
	that("create again: already exists", apierrors.IsAlreadyExists(err), err)
	_, err = api.Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "bad"}}, metav1.CreateOptions{})
	that("create without ports: invalid", apierrors.IsInvalid(err), err)
	dry, err := api.Create(ctx, dualStack("dry", nil), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	that("dry run", err == nil && dry.ResourceVersion == "", dry)

	created.Spec.Ports[0].Name = "http"
	created.Annotations = map[string]string{"note": "updated"}
	updated, err := api.Update(ctx, created, metav1.UpdateOptions{})
	check("update", err)
	that("update was sent as protobuf", log.sent("PUT application/vnd.kubernetes.protobuf", ""), log.seen)
	that("update keeps the address", updated.Spec.ClusterIP == created.Spec.ClusterIP && updated.Spec.Ports[0].Name == "http" && updated.ResourceVersion != created.ResourceVersion, updated)
	_, err = api.Update(ctx, created, metav1.UpdateOptions{})
	that("update of an old version: conflict", apierrors.IsConflict(err), err)

	updated.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True", LastTransitionTime: metav1.Now(), Reason: "Here", Message: "there"}}
	status, err := api.UpdateStatus(ctx, updated, metav1.UpdateOptions{})
	check("update status", err)
	that("update status has the condition", len(status.Status.Conditions) == 1, status.Status)

	list, err := api.List(ctx, metav1.ListOptions{LabelSelector: "day=one"})
	check("list", err)
	that("list selects", len(list.Items) == 1 && list.ResourceVersion != "", list)
	uid := types.UID("other")
	err = api.Delete(ctx, "typed", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	that("delete of another uid: conflict", apierrors.IsConflict(err), err)
	check("delete", api.Delete(ctx, "typed", *metav1.NewPreconditionDeleteOptions(string(status.UID))))
	that("delete was sent as protobuf", log.sent("DELETE application/vnd.kubernetes.protobuf", ""), log.seen)
	_, err = api.Get(ctx, "typed", metav1.GetOptions{})
	that("get: not found", apierrors.IsNotFound(err), err)
}

func patches(client kubernetes.Interface) {
	api := client.CoreV1().Services(namespace)
	_, err := api.Create(ctx, dualStack("patched", nil), metav1.CreateOptions{})
	check("create to patch", err)
	for _, one := range []struct {
		kind types.PatchType
		body string
		want func(*corev1.Service) bool
	}{
		{types.JSONPatchType, `[{"op":"add","path":"/metadata/labels","value":{"a":"1"}}]`, func(s *corev1.Service) bool { return s.Labels["a"] == "1" }},
		{types.MergePatchType, `{"metadata":{"labels":{"a":null,"b":"2"}}}`, func(s *corev1.Service) bool { return len(s.Labels) == 1 && s.Labels["b"] == "2" }},
		{types.StrategicMergePatchType, `{"spec":{"ports":[{"port":80,"name":"a"},{"port":443,"name":"b"}]}}`, func(s *corev1.Service) bool { return len(s.Spec.Ports) == 2 }},
	} {
		patched, err := api.Patch(ctx, "patched", one.kind, []byte(one.body), metav1.PatchOptions{FieldManager: "day"})
		check("patch "+string(one.kind), err)
		that("patch "+string(one.kind)+" did it", one.want(patched), patched)
	}
	check("delete what was patched", api.Delete(ctx, "patched", metav1.DeleteOptions{}))
}

func applies(client kubernetes.Interface) {
	api := client.CoreV1().Services(namespace)
	wanted := applycorev1.Service("applied", namespace).WithLabels(map[string]string{"a": "1"}).
		WithSpec(applycorev1.ServiceSpec().WithPorts(applycorev1.ServicePort().WithPort(80)))
	applied, err := api.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: "day"})
	check("apply", err)
	that("apply has an address", applied.Spec.ClusterIP != "", applied.Spec)
	_, err = api.Apply(ctx, applycorev1.Service("applied", namespace).WithLabels(map[string]string{"a": "2"}), metav1.ApplyOptions{FieldManager: "night"})
	that("apply of another's field: conflict", apierrors.IsConflict(err), err)
	applied, err = api.Apply(ctx, applycorev1.Service("applied", namespace).WithLabels(map[string]string{"a": "2"}), metav1.ApplyOptions{FieldManager: "night", Force: true})
	check("apply by force", err)
	that("apply by force did it", applied.Labels["a"] == "2", applied.Labels)
	check("delete what was applied", api.Delete(ctx, "applied", metav1.DeleteOptions{}))
}

func untyped(client dynamic.Interface) {
	api := client.Resource(services).Namespace(namespace)
	object := func(labels map[string]any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "untyped", "labels": labels},
			"spec": map[string]any{"ports": []any{map[string]any{"port": int64(80)}}},
		}}
	}
	created, err := api.Create(ctx, object(nil), metav1.CreateOptions{})
	check("dynamic create", err)
	created.SetLabels(map[string]string{"a": "1"})
	_, err = api.Update(ctx, created, metav1.UpdateOptions{})
	check("dynamic update", err)
	_, err = api.Patch(ctx, "untyped", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"2"}}}`), metav1.PatchOptions{})
	check("dynamic patch", err)
	_, err = api.Apply(ctx, "untyped", object(map[string]any{"b": "3"}), metav1.ApplyOptions{FieldManager: "day"})
	check("dynamic apply", err)
	list, err := client.Resource(services).List(ctx, metav1.ListOptions{LabelSelector: "a=2,b=3"})
	check("dynamic list", err)
	that("dynamic list selects", len(list.Items) == 1, list)
	addresses, err := client.Resource(schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ipaddresses"}).List(ctx, metav1.ListOptions{})
	that("dynamic list of ipaddresses", err == nil && len(addresses.Items) >= 2, addresses)
	check("dynamic delete", api.Delete(ctx, "untyped", metav1.DeleteOptions{}))
}

func watches(client kubernetes.Interface) {
	api := client.CoreV1().Services(namespace)
	list, err := api.List(ctx, metav1.ListOptions{})
	check("list before watch", err)
	watcher, err := api.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	check("watch", err)
	defer watcher.Stop()
	_, err = api.Create(ctx, dualStack("watched", nil), metav1.CreateOptions{})
	check("create to watch", err)
	_, err = api.Patch(ctx, "watched", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"1"}}}`), metav1.PatchOptions{})
	check("patch to watch", err)
	check("delete to watch", api.Delete(ctx, "watched", metav1.DeleteOptions{}))
	for _, want := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted} {
		select {
		case event := <-watcher.ResultChan():
			service, _ := event.Object.(*corev1.Service)
			that("watch "+string(want), event.Type == want && service != nil && service.Name == "watched", event)
		case <-time.After(20 * time.Second):
			check("watch "+string(want), fmt.Errorf("nothing came"))
		}
	}
}

func informer(client kubernetes.Interface, log *requests) {
	factory := informers.NewSharedInformerFactory(client, 0)
	shared := factory.Core().V1().Services().Informer()
	seen := make(chan string, 100)
	_, err := shared.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { seen <- "add " + object.(*corev1.Service).Name },
		UpdateFunc: func(_, object any) { seen <- "update " + object.(*corev1.Service).Name },
		DeleteFunc: func(object any) { seen <- "delete " + object.(*corev1.Service).Name },
	})
	check("informer handler", err)
	stop := make(chan struct{})
	defer close(stop)
	factory.Start(stop)
	synced, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	that("informer syncs", cache.WaitForCacheSync(synced.Done(), shared.HasSynced), log.seen)
	that("informer asked for what is there first, without a list", log.sent("GET", "sendInitialEvents=true"), log.seen)
	api := client.CoreV1().Services(namespace)
	_, err = api.Create(ctx, dualStack("informed", nil), metav1.CreateOptions{})
	check("create to be informed of", err)
	_, err = api.Patch(ctx, "informed", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"1"}}}`), metav1.PatchOptions{})
	check("patch to be informed of", err)
	check("delete to be informed of", api.Delete(ctx, "informed", metav1.DeleteOptions{}))
	for _, want := range []string{"add kubernetes", "add informed", "update informed", "delete informed"} {
		select {
		case got := <-seen:
			that("informer: "+want, got == want, got)
		case <-time.After(20 * time.Second):
			check("informer: "+want, fmt.Errorf("nothing came"))
		}
	}
}
